//! Matrix products of the sizes of this field, with the element-wise work around them done while a row is in cache.

use super::pool::Buffer;

/// Lanes of a dot product: the same on every instruction set, so that its sum is.
const LANES: usize = 16;
/// Up to this many rows, packing a matrix costs more than it saves.
const FEW_ROWS: usize = 4;

/// Side of the squares in which a matrix is transposed; element by element, one side of it would miss the cache.
const SIDE: usize = 8;

/// A factor of a product: a matrix, or some columns of one that is to be transposed.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    values: &'a [f32],
    order: Order,
    /// From one row of memory to the next.
    stride: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Plain,
    Transposed,
}

impl<'a> Factor<'a> {
    /// A matrix as it lies in memory.
    pub(super) fn plain(values: &'a [f32], columns: usize) -> Self {
        Self { values, order: Order::Plain, stride: columns }
    }

    /// The transpose of a matrix of so many columns in memory.
    pub(super) fn transposed(values: &'a [f32], columns: usize) -> Self {
        Self { values, order: Order::Transposed, stride: columns }
    }

    /// From row `start` on; of a transpose, from that column in memory.
    pub(super) fn skip_rows(self, start: usize) -> Self {
        let skipped = if self.order == Order::Plain { start * self.stride } else { start };
        Self { values: &self.values[skipped..], ..self }
    }

    /// Steps from one row to the next, and from one column to the next.
    fn steps(self) -> [usize; 2] {
        match self.order {
            Order::Plain => [self.stride, 1],
            Order::Transposed => [1, self.stride],
        }
    }

    fn holds(self, [rows, columns]: [usize; 2]) -> bool {
        let [row, column] = self.steps();
        rows * columns == 0 || self.values.len() > (rows - 1) * row + (columns - 1) * column
    }
}

/// Computes `a b`, of `m` rows, `n` columns and the inner dimension `k`, into `c`, handing each piece of a row to `finish`.
///
/// `finish(row, column, piece)` sees the pieces of one column in ascending order of rows. Each element is summed over the
/// inner dimension in ascending order.
#[inline(always)]
pub(super) fn product<const FMA: bool, const MR: usize, const NR: usize>(
    [m, n, k]: [usize; 3],
    a: Factor<'_>,
    b: Factor<'_>,
    c: &mut [f32],
    mut finish: impl FnMut(usize, usize, &mut [f32]),
) {
    assert!(a.holds([m, k]) && b.holds([k, n]) && c.len() == m * n);
    let [a_row, a_step] = a.steps();
    let mut panel = Buffer::new(k * NR);
    for column in (0..n).step_by(NR) {
        let width = NR.min(n - column);
        let direct = m <= FEW_ROWS && width == NR && b.order == Order::Plain;
        let (b, b_step) = if direct {
            (&b.values[column..], b.stride)
        } else {
            pack::<FMA, NR>(b, k, column, width, &mut panel);
            (&*panel, NR)
        };
        let mut row = 0;
        macro_rules! tiles {
            ($rows:expr) => {
                while m - row >= $rows {
                    let a = &a.values[row * a_row..];
                    // SAFETY: the last element read of `a` is `(rows − 1) a_row + (k − 1) a_step` after `row · a_row`, which
                    // is that of row `row + rows − 1 < m` and inner index `k − 1`, in bounds by the assertion above. The
                    // last read of `b` is `(k − 1) b_step + NR − 1`: of a panel that has `k NR`, or, unpacked, of column
                    // `column + NR − 1 < n` in row `k − 1`.
                    #[allow(unsafe_code)]
                    let sums = unsafe { tile_call::<FMA, { $rows }, NR>(k, a.as_ptr(), a_row, a_step, b.as_ptr(), b_step) };
                    for (i, sums) in sums.iter().enumerate() {
                        let piece = &mut c[(row + i) * n + column..][..width];
                        // A copy of a known length stays in registers. Not so `finish`: a short loop of a known length is
                        // unrolled into single numbers, one of any length is done in vectors.
                        match <&mut [f32; NR]>::try_from(&mut *piece) {
                            Ok(piece) => *piece = *sums,
                            Err(_) => piece.copy_from_slice(&sums[..width]),
                        }
                        finish(row + i, column, &mut c[(row + i) * n + column..][..width]);
                    }
                    row += $rows;
                }
            };
        }
        tiles!(MR);
        tiles!(4);
        tiles!(2);
        tiles!(1);
    }
}

/// Calls [`tile`] for the instruction set that `product` was compiled for.
///
/// A function of its own each: inlined into what surrounds it, the compiler may give the registers to something else.
///
/// # Safety
///
/// As [`tile`], and, on x86-64, `FMA` promises AVX2 and, with 32 columns, AVX-512.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn tile_call<const FMA: bool, const M: usize, const NR: usize>(
    k: usize,
    a: *const f32,
    a_row: usize,
    a_step: usize,
    b: *const f32,
    b_step: usize,
) -> [[f32; NR]; M] {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
        #[inline(never)]
        unsafe fn avx512<const M: usize, const NR: usize>(
            k: usize,
            a: *const f32,
            a_row: usize,
            a_step: usize,
            b: *const f32,
            b_step: usize,
        ) -> [[f32; NR]; M] {
            // SAFETY: the caller's.
            unsafe { tile::<true, M, NR>(k, a, a_row, a_step, b, b_step) }
        }
        #[target_feature(enable = "avx2,fma")]
        #[inline(never)]
        unsafe fn avx2<const M: usize, const NR: usize>(
            k: usize,
            a: *const f32,
            a_row: usize,
            a_step: usize,
            b: *const f32,
            b_step: usize,
        ) -> [[f32; NR]; M] {
            // SAFETY: the caller's.
            unsafe { tile::<true, M, NR>(k, a, a_row, a_step, b, b_step) }
        }
        if FMA {
            // SAFETY: the caller's; the features are there by the contract.
            return unsafe {
                if NR == 32 {
                    avx512::<M, NR>(k, a, a_row, a_step, b, b_step)
                } else {
                    avx2::<M, NR>(k, a, a_row, a_step, b, b_step)
                }
            };
        }
    }
    // SAFETY: the caller's.
    unsafe { tile::<FMA, M, NR>(k, a, a_row, a_step, b, b_step) }
}

/// Returns a tile of the product in registers: row `i` holds the sum over `p < k` of `a[i a_row + p a_step] · b[p b_step..]`.
///
/// # Safety
///
/// For `k > 0`, `a` must be readable up to `(M − 1) a_row + (k − 1) a_step`, and `b` up to `(k − 1) b_step + NR − 1`.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn tile<const FMA: bool, const M: usize, const NR: usize>(
    k: usize,
    a: *const f32,
    a_row: usize,
    a_step: usize,
    b: *const f32,
    b_step: usize,
) -> [[f32; NR]; M] {
    let mut sums = [[0.0; NR]; M];
    for p in 0..k {
        // SAFETY: in bounds by the contract; an array of floats has the alignment of a float.
        let b = unsafe { &*b.add(p * b_step).cast::<[f32; NR]>() };
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: in bounds by the contract.
            let a = unsafe { *a.add(i * a_row + p * a_step) };
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum = multiply_add::<FMA>(a, b, *sum);
            }
        }
    }
    sums
}

/// Copies `width` columns of `b` into a panel of `k` rows, filled up with zeros.
#[inline(always)]
fn pack<const FMA: bool, const NR: usize>(b: Factor<'_>, k: usize, column: usize, width: usize, panel: &mut [f32]) {
    if width < NR {
        panel.fill(0.0);
    }
    let Factor { values, order, stride } = b;
    match order {
        Order::Plain if width == NR => {
            for (to, from) in panel.chunks_exact_mut(NR).zip(values.chunks(stride)) {
                to.copy_from_slice(&from[column..column + NR]);
            }
        }
        Order::Plain => {
            for (to, from) in panel.chunks_exact_mut(NR).zip(values.chunks(stride)) {
                to[..width].copy_from_slice(&from[column..column + width]);
            }
        }
        Order::Transposed => {
            let columns = &values[column * stride..];
            let (wide, high) = (width - width % SIDE, k - k % SIDE);
            for q in (0..wide).step_by(SIDE) {
                for p in (0..high).step_by(SIDE) {
                    let from = &columns[q * stride + p..][..(SIDE - 1) * stride + SIDE];
                    let to = &mut panel[p * NR + q..][..(SIDE - 1) * NR + SIDE];
                    transpose_square::<FMA>(from, stride, to, NR);
                }
            }
            for (q, from) in columns.chunks(stride).take(width).enumerate() {
                for p in if q < wide { high } else { 0 }..k {
                    panel[p * NR + q] = from[p];
                }
            }
        }
    }
}

/// Writes the transpose of a square whose rows are `stride` apart.
#[inline(always)]
fn transpose_square<const FMA: bool>(from: &[f32], stride: usize, to: &mut [f32], to_stride: usize) {
    assert!(from.len() == (SIDE - 1) * stride + SIDE && to.len() == (SIDE - 1) * to_stride + SIDE);
    #[cfg(target_arch = "x86_64")]
    if FMA {
        // SAFETY: on x86-64 the only bodies with `FMA` are those for AVX2 and above, and the rows end where the slices do.
        #[allow(unsafe_code)]
        return unsafe { transpose_square_avx(from.as_ptr(), stride, to.as_mut_ptr(), to_stride) };
    }
    for r in 0..SIDE {
        for s in 0..SIDE {
            to[s * to_stride + r] = from[r * stride + s];
        }
    }
}

/// As [`transpose_square`], in registers: a compiler finds it for plain loops in one place and not in another.
///
/// # Safety
///
/// `SIDE` rows of `SIDE` numbers must be readable from `from`, and writable to `to`.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[target_feature(enable = "avx")]
#[inline]
unsafe fn transpose_square_avx(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
    use std::arch::x86_64::{
        _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
        _mm256_unpacklo_ps,
    };

    // SAFETY: in bounds by the contract.
    let rows: [_; SIDE] = std::array::from_fn(|r| unsafe { _mm256_loadu_ps(from.add(r * stride)) });
    // Pairs of rows, then squares of 4, then of 8.
    let pairs: [_; 4] = std::array::from_fn(|i| {
        let (a, b) = (rows[2 * i], rows[2 * i + 1]);
        [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)]
    });
    let fours: [_; 2] = std::array::from_fn(|i| {
        let [[a, b], [c, d]] = [pairs[2 * i], pairs[2 * i + 1]];
        [
            _mm256_shuffle_ps::<0x44>(a, c),
            _mm256_shuffle_ps::<0xEE>(a, c),
            _mm256_shuffle_ps::<0x44>(b, d),
            _mm256_shuffle_ps::<0xEE>(b, d),
        ]
    });
    let [left, right] = fours;
    for (s, (low, high)) in left.into_iter().zip(right).enumerate() {
        let columns = [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)];
        for (half, column) in columns.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(to.add((s + 4 * half) * to_stride), column) };
        }
    }
}

/// Returns the dot product of two slices of one length.
#[inline(always)]
pub(super) fn dot<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a, b) = (a.chunks(LANES), b.chunks(LANES));
    for (a, b) in a.zip(b) {
        if let (Ok(a), Ok(b)) = (<&[f32; LANES]>::try_from(a), <&[f32; LANES]>::try_from(b)) {
            for i in 0..LANES {
                lanes[i] = multiply_add::<FMA>(a[i], b[i], lanes[i]);
            }
        } else {
            for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                *lane = multiply_add::<FMA>(a, b, *lane);
            }
        }
    }
    let mut count = LANES;
    while count > 1 {
        count /= 2;
        for i in 0..count {
            lanes[i] += lanes[i + count];
        }
    }
    lanes[0]
}

#[inline(always)]
pub(super) fn multiply_add<const FMA: bool>(a: f32, b: f32, sum: f32) -> f32 {
    if FMA { a.mul_add(b, sum) } else { sum + a * b }
}
