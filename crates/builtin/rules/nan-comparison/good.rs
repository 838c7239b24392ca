pub fn is_missing(x: f64, nan: f64) -> bool {
    // x == f64::NAN
    x.is_nan() || x == nan || x == f64::MAX
}
