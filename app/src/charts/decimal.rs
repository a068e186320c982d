//! Numbers with so many decimals.

/// `value` with `places` decimals, half away from zero; 0 when it isn't a number. The standard library's formatting is exact for numbers of
/// any size, which takes tables that no figure here needs and that every visitor would load.
pub fn decimal(value: f64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let scaled = (value.abs() * unit as f64).round() as u64;
    let sign = if value < 0.0 && scaled > 0 { "-" } else { "" };
    if places == 0 {
        return format!("{sign}{scaled}");
    }
    format!("{sign}{}.{:0width$}", scaled / unit, scaled % unit, width = places as usize)
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_as_many_as_asked_for() {
        let cases = [
            (0.0, 2, "0.00"),
            (1.005, 1, "1.0"),
            (9.96, 1, "10.0"),
            (-0.04, 1, "0.0"),
            (-12.346, 2, "-12.35"),
            (99.5, 0, "100"),
            (f64::NAN, 1, "0.0"),
        ];
        for (value, places, text) in cases {
            assert_eq!(decimal(value, places), text);
        }
    }
}
