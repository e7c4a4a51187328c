//! NumPy's `default_rng(seed)`, so that an episode starts in the same state as Gymnasium's.
//!
//! The seed is spread over 256 bits by NumPy's `SeedSequence`[^1], and those set up a PCG64[^2].
//!
//! [^1]: M. E. O'Neill (2015). *Developing a `seed_seq` Alternative*. <https://www.pcg-random.org/posts/>.
//! [^2]: M. E. O'Neill (2014). *PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random
//!     Number Generation*. HMC-CS-2014-0905.

use rand::Rng;
use rand_pcg::Lcg128Xsl64;

/// Words in the pool of a `SeedSequence`.
const POOL: usize = 4;

/// The generator that NumPy calls `default_rng`.
#[derive(Debug, Clone)]
pub(crate) struct NumpyRng(Lcg128Xsl64);

impl NumpyRng {
    /// Creates the generator of one seed.
    pub(crate) fn new(seed: u64) -> Self {
        let words = seed_words(&entropy_pool(seed));
        let wide = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        Self(Lcg128Xsl64::new(wide(words[0], words[1]), wide(words[2], words[3])))
    }

    /// Draws from `[low, high)`, with 53 random bits.
    pub(crate) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        let unit = (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        low + (high - low) * unit
    }

    /// Draws from the standard normal distribution by the method of Box and Muller; NumPy uses another method.
    pub(crate) fn standard_normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(0.0, 1.0), self.uniform(0.0, std::f64::consts::TAU));
        libm::sqrt(-2.0 * libm::log(1.0 - radius)) * libm::cos(angle)
    }
}

/// A hash whose constant changes with every value, in the two variants of `SeedSequence`.
struct Hash {
    constant: u32,
    multiplier: u32,
}

impl Hash {
    fn next(&mut self, value: u32) -> u32 {
        let value = value ^ self.constant;
        self.constant = self.constant.wrapping_mul(self.multiplier);
        fold(value.wrapping_mul(self.constant))
    }
}

fn fold(value: u32) -> u32 {
    value ^ value >> 16
}

/// Spreads the two halves of `seed` over the pool.
fn entropy_pool(seed: u64) -> [u32; POOL] {
    let mut hash = Hash { constant: 0x43b0_d7e5, multiplier: 0x931e_8875 };
    // NumPy leaves leading zero words out and fills the pool up with zeros, which comes to the same.
    let mut pool = [seed as u32, (seed >> 32) as u32, 0, 0].map(|word| hash.next(word));
    for from in 0..POOL {
        for to in (0..POOL).filter(|&to| to != from) {
            let left = pool[to].wrapping_mul(0xca01_f9dd);
            let right = hash.next(pool[from]).wrapping_mul(0x4973_f715);
            pool[to] = fold(left.wrapping_sub(right));
        }
    }
    pool
}

/// Draws four words of 64 bits from the pool, low half first.
fn seed_words(pool: &[u32; POOL]) -> [u64; 4] {
    let mut hash = Hash { constant: 0x8b51_f9dd, multiplier: 0x58f3_8ded };
    let halves: [u64; 2 * POOL] = std::array::from_fn(|i| hash.next(pool[i % POOL]).into());
    std::array::from_fn(|i| halves[2 * i] | halves[2 * i + 1] << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: numpy 2.4.6.

    #[test]
    fn the_seed_sequence_gives_numpys_words() {
        let words = |seed| seed_words(&entropy_pool(seed));
        assert_eq!(
            words(0),
            [0xdb2c_d7e7_b0f4_78be, 0xabf4_641a_2c71_ba49, 0x20c6_ed6d_9d7b_8d41, 0x2c40_99de_223c_39d4]
        );
        assert_eq!(
            words(u64::MAX),
            [0xaebc_a151_928c_ad0d, 0x119c_3044_8638_dc7a, 0x1bbb_1556_59e6_42a7, 0xa76b_11e3_e8c4_a8f6]
        );
    }

    #[test]
    fn raw_draws_are_numpys() {
        let cases = [
            (0, [0xa30f_ebcf_d9c2_825f, 0x4510_bdf8_82d9_d721, 0x0a7d_3da9_4ecd_e8b8]),
            (1, [0x8306_bdf3_7922_e4ff, 0xf351_96bb_c152_a866, 0x24e7_a4f6_08ec_18cd]),
            (u64::from(u32::MAX), [0x407f_5fa9_30d8_fd9f, 0x3814_b22e_b968_4802, 0x498b_7dce_e8d8_dc95]),
            (1 << 32, [0xe3c5_ebe2_85ac_1625, 0x8ea0_9968_fe31_dbcc, 0xcd08_4ff8_4d8d_e9be]),
            (u64::MAX, [0xae16_3a7a_8c47_568f, 0xd866_59f5_f338_2359, 0x01e5_2b19_5bc2_d24a]),
        ];
        for (seed, expected) in cases {
            let mut rng = NumpyRng::new(seed);
            let draws: [u64; 3] = std::array::from_fn(|_| rng.0.next_u64());
            assert_eq!(draws, expected, "seed {seed}");
        }
    }

    #[test]
    fn uniform_draws_are_numpys_to_the_last_bit() {
        let mut rng = NumpyRng::new(42);
        let draws: [f64; 3] = std::array::from_fn(|_| rng.uniform(-3.0, 5.0));
        assert_eq!(draws, [3.1916483884477067, 0.5110275180164185, 3.8687833592910597]);
    }

    #[test]
    fn normal_draws_have_the_moments_and_tails_of_the_distribution() {
        let mut rng = NumpyRng::new(5);
        let draws: Vec<f64> = (0..40_000).map(|_| rng.standard_normal()).collect();
        let mean_of = |f: fn(f64) -> f64| draws.iter().map(|&z| f(z)).sum::<f64>() / 4e4;
        // Five standard errors: 5 √(1, 2, 15, 96) / 200; beyond two standard deviations lie 4.55 %.
        assert!(mean_of(|z| z).abs() < 0.025 && (mean_of(|z| z * z) - 1.0).abs() < 0.036);
        assert!(mean_of(|z| z.powi(3)).abs() < 0.097 && (mean_of(|z| z.powi(4)) - 3.0).abs() < 0.245);
        assert!((mean_of(|z| f64::from(u8::from(z.abs() > 2.0))) - 0.0455).abs() < 0.0053);
    }

    #[test]
    fn uniform_draws_lie_in_the_interval() {
        let mut rng = NumpyRng::new(7);
        assert!((0..1_000).all(|_| (-0.6..-0.4).contains(&rng.uniform(-0.6, -0.4))));
    }
}
