//! Takes two hundred megabytes, a megabyte at a time.

hostile::report!(|_, _| {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for _ in 0..200 {
        kept.push(vec![1; 1 << 20]);
        std::hint::black_box(&kept);
    }
    "taken".to_owned()
});
