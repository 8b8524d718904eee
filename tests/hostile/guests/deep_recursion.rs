//! Calls itself until there is no stack.

// On purpose: what ends it is the host.
#[allow(unconditional_recursion)]
fn deeper(depth: &mut [u64; 16]) -> u64 {
    let mut next = *depth;
    next[0] += 1;
    std::hint::black_box(deeper(std::hint::black_box(&mut next))) + next[1]
}

hostile::report!(|_, _| {
    let sum = deeper(&mut [0; 16]);
    "x".repeat(usize::try_from(sum % 3).unwrap_or(0))
});
