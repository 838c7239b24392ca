pub fn is_missing(x: f64, rows: &[f32]) -> bool {
    x == f64::NAN // expect: nan-comparison
        || rows[0] != std::f32::NAN // expect: nan-comparison
}
