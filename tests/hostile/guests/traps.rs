//! Breaks.

hostile::report!(|_, _| std::arch::wasm32::unreachable());
