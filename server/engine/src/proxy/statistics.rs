//! The statistics that releases are compared by.

use super::{BUCKETS, bucket_limit};

/// How likely it is that at least so many of the errors of both are among the new ones when it is chance whose they are: Fisher's exact test, by the
/// upper tail of the hypergeometric distribution.
pub fn fisher(new_errors: u64, new: u64, old_errors: u64, old: u64) -> f64 {
    let errors = new_errors + old_errors;
    let expected = errors as f64 * (new as f64 / (new + old) as f64);
    if new_errors as f64 > expected {
        upper(new_errors, new, old, errors).min(1.0)
    } else {
        // The shorter way: one less the likelihood of fewer, which are more among the old ones.
        (1.0 - upper(old_errors + 1, old, new, errors)).clamp(0.0, 1.0)
    }
}

/// How likely at least `from` of `errors` are among `own` and not among the `others`.
fn upper(from: u64, own: u64, others: u64, errors: u64) -> f64 {
    let most = errors.min(own);
    if from > most {
        return 0.0;
    }
    let mut term = (ln_choose(own, from) + ln_choose(others, errors - from) - ln_choose(own + others, errors)).exp();
    let mut sum = term;
    for x in from..most {
        term *= (errors - x) as f64 * (own - x) as f64 / ((x + 1) as f64 * (others + x + 1 - errors) as f64);
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum
}

/// How likely it is that the new ones are as much slower when both are alike: the test of Mann, Whitney and Wilcoxon, whose ties are the requests of
/// one class, approximated by the normal distribution; none when there is nothing to compare.
pub fn mann_whitney(old: &[u64], new: &[u64]) -> Option<f64> {
    let (old_count, new_count) = (old.iter().sum::<u64>() as f64, new.iter().sum::<u64>() as f64);
    if old_count == 0.0 || new_count == 0.0 {
        return None;
    }
    let all = old_count + new_count;
    let count = |side: &[u64], class: usize| side.get(class).copied().unwrap_or(0) as f64;
    // How many pairs have a slower new one, those that are alike by half; the sum that ties take away from the variance.
    let (mut slower, mut faster_old, mut ties) = (0.0, 0.0, 0.0);
    for class in 0..old.len().max(new.len()) {
        let (old, new) = (count(old, class), count(new, class));
        slower += new * (faster_old + old / 2.0);
        faster_old += old;
        let tied = old + new;
        ties += tied * (tied * tied - 1.0);
    }
    let variance = old_count * new_count / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        // All are alike.
        return Some(0.5);
    }
    let difference = slower - old_count * new_count / 2.0;
    // A half, because what is counted moves in steps.
    Some(above(((difference - 0.5) / variance.sqrt()).clamp(-38.0, 38.0)))
}

/// So many milliseconds that this part of the requests took at most, as if they were spread evenly over the logarithms of their class; none without
/// any.
pub fn quantile(latency: &[u64], part: f64) -> Option<f64> {
    let all: u64 = latency.iter().sum();
    let wanted = part * all as f64;
    let mut before = 0.0;
    for (class, count) in latency.iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = *count as f64;
        if before + count >= wanted {
            let highest = bucket_limit(class.min(BUCKETS - 1));
            let lowest = highest / (bucket_limit(1) / bucket_limit(0));
            return Some(lowest * (highest / lowest).powf((wanted - before) / count));
        }
        before += count;
    }
    None
}

/// How likely a value of the standard normal distribution is above this one, within a millionth of the likelihood.
fn above(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    // The complement of the error function, by the expansion in Press et al., Numerical Recipes, 6.2.
    let t = 2.0 / (2.0 + x);
    let terms = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let sum = terms.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let half = 0.5 * t * (sum - x * x).exp();
    if z >= 0.0 { half } else { 1.0 - half }
}

/// The logarithm of how many ways there are to choose so many of all.
fn ln_choose(all: u64, chosen: u64) -> f64 {
    let ln_factorial = |n: u64| ln_gamma(n as f64 + 1.0);
    ln_factorial(all) - ln_factorial(chosen) - ln_factorial(all - chosen)
}

/// The logarithm of the gamma function of what is 1 or more, by the approximation of Lanczos (g = 7, nine terms).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = TERMS.iter().enumerate().fold(0.999_999_999_999_809_9, |sum, (at, term)| sum + term / (x + at as f64 + 1.0));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within * expected.abs().max(1e-300), "{value} isn't {expected}");
    }

    #[test]
    fn fishers_test_gives_the_values_of_textbooks() {
        // The lady tasting tea, convicted twins (both Fisher's own), students who study, and what exact fractions give.
        let tables = [
            ((3, 4, 1, 4), 0.242_857_142_857_142_85),
            ((10, 13, 2, 17), 0.000_465_180_943_362_905_03),
            ((9, 12, 1, 12), 0.001_379_728_092_610_041_7),
            ((8, 10, 1, 6), 0.024_475_524_475_524_476),
            ((12, 240, 3, 4560), 7.441_846_007_221_076e-14),
            ((60, 1000, 40, 1000), 0.025_380_064_935_374_192),
            ((700, 10_000, 6000, 100_000), 4.966_445_636_272_889e-5),
            ((1, 24, 11, 36), 0.999_105_534_863_702_2),
            ((0, 100, 5, 100), 1.0),
            ((0, 10, 0, 20), 1.0),
            ((10, 10, 20, 20), 1.0),
        ];
        for ((new_errors, new, old_errors, old), expected) in tables {
            near(fisher(new_errors, new, old_errors, old), expected, 1e-8);
        }
        assert!(fisher(4_000_000, 1_000_000_000, 3_000_000, 1_000_000_000) < 1e-12, "large numbers take no time");
    }

    #[test]
    fn mann_whitney_gives_what_counting_each_pair_gives() {
        let tables: [(&[u64], &[u64], f64); 4] = [
            (&[5, 10, 20, 5, 0, 1], &[2, 3, 12, 9, 4], 0.003_769_729_251_693_971),
            (&[10, 10], &[10, 10], 0.506_228_231_333_532_8),
            (&[30, 0, 1], &[0, 30], 3.503_705_943_622_031e-13),
            (&[0, 0, 5], &[5], 0.999_095_744_800_177_7),
        ];
        for (old, new, expected) in tables {
            near(mann_whitney(old, new).unwrap(), expected, 1e-6);
        }
        assert_eq!((mann_whitney(&[], &[1]), mann_whitney(&[0, 7], &[0, 9])), (None, Some(0.5)));
    }

    #[test]
    fn the_functions_below_give_known_values() {
        for (x, expected) in [(3.5, 1.200_973_602_347_073_8), (10.5, 13.940_625_219_403_763), (1e6, 12_815_504.569_147_611)] {
            near(ln_gamma(x), expected, 1e-13);
        }
        assert!(ln_gamma(1.0).abs() < 1e-13 && ln_gamma(2.0).abs() < 1e-13);
        for (z, expected) in [(0.0, 0.5), (1.0, 0.158_655_253_931_457_05), (1.959_963_984_540_054, 0.025), (5.0, 2.866_515_718_791_946e-7)]
        {
            near(above(z), expected, 1e-6);
        }
        near(above(-2.0), 0.977_249_868_051_820_8, 1e-6);
    }

    #[test]
    fn quantiles_are_within_their_class() {
        assert_eq!(quantile(&[], 0.5), None);
        let mut latency = vec![0; 20];
        latency[19] = 4;
        near(quantile(&latency, 1.0).unwrap(), bucket_limit(19), 1e-12);
        near(quantile(&latency, 0.5).unwrap(), (bucket_limit(18) * bucket_limit(19)).sqrt(), 1e-12);
        latency[3] = 96;
        near(quantile(&latency, 0.96).unwrap(), bucket_limit(3), 1e-12);
        assert!(quantile(&latency, 0.97).unwrap() > bucket_limit(18));
    }
}
