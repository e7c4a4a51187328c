//! Products of small matrices, with an element-wise operation on each row while it is in the cache.

use super::in_registers;
use super::lanes::{dots, multiply_add};
use crate::matrix::Buffer;

/// Up to this many rows, packing a matrix costs more than it saves.
const FEW_ROWS: usize = 4;

/// Side of the squares in which a matrix is transposed. Element by element, either reads or writes would miss the
/// cache.
const SIDE: usize = 8;

/// A factor of a product: a matrix, or columns of a matrix that is to be transposed.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    values: &'a [f32],
    order: Order,
    /// Distance from one row in memory to the next.
    stride: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Plain,
    Transposed,
}

impl<'a> Factor<'a> {
    /// A matrix as it is in memory.
    pub(super) fn plain(values: &'a [f32], columns: usize) -> Self {
        Self { values, order: Order::Plain, stride: columns }
    }

    /// The transpose of a matrix that has that many columns in memory.
    pub(super) fn transposed(values: &'a [f32], columns: usize) -> Self {
        // The transpose of one column is a row, with the same memory.
        if columns == 1 {
            return Self::plain(values, values.len());
        }
        Self { values, order: Order::Transposed, stride: columns }
    }

    /// Skips rows before `start`; of a transpose, columns in memory.
    pub(super) fn skip_rows(self, start: usize) -> Self {
        let skipped = if self.order == Order::Plain { start * self.stride } else { start };
        Self { values: &self.values[skipped..], ..self }
    }

    /// Returns the distances from one row to the next, and from one column to the next.
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

/// An operation on each element of a product while it is in registers.
pub(super) trait Finish: Copy {
    /// Applies the operation to a piece of a row.
    fn finish<const N: usize>(self, row: usize, column: usize, sums: [f32; N]) -> [f32; N];
}

/// No operation.
#[derive(Clone, Copy)]
pub(super) struct Sums;

impl Finish for Sums {
    #[inline(always)]
    fn finish<const N: usize>(self, _: usize, _: usize, sums: [f32; N]) -> [f32; N] {
        sums
    }
}

/// Combines each sum with an element of another matrix.
#[derive(Clone, Copy)]
pub(super) struct With<'a, F> {
    pub(super) values: &'a [f32],
    /// Distance from one row of that matrix to the next; 0 if there is only one row.
    pub(super) stride: usize,
    /// Receives the sum and the element.
    pub(super) combine: F,
}

impl<F: Fn(f32, f32) -> f32 + Copy> Finish for With<'_, F> {
    #[inline(always)]
    fn finish<const N: usize>(self, row: usize, column: usize, mut sums: [f32; N]) -> [f32; N] {
        let values = self.values[row * self.stride + column..].first_chunk::<N>();
        let values = values.expect("the other matrix has the columns of the product");
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum = (self.combine)(*sum, value);
        }
        sums
    }
}

/// Computes `a b` into `c`, with `m` rows, `n` columns and the inner dimension `k`.
///
/// Each element is summed over the inner dimension in ascending order, and finished once.
#[inline(always)]
pub(super) fn product<const FMA: bool, const MR: usize, const NR: usize>(
    [m, n, k]: [usize; 3],
    a: Factor<'_>,
    b: Factor<'_>,
    c: &mut [f32],
    finish: impl Finish,
) {
    assert!(a.holds([m, k]) && b.holds([k, n]) && c.len() == m * n);
    let a_steps = a.steps();
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
                    let a = &a.values[row * a_steps[0]..];
                    let (a, b, at) = (a.as_ptr(), b.as_ptr(), [row, column]);
                    // SAFETY, of both calls: the last element read of `a` is `(rows − 1)` rows and `(k − 1)` columns
                    // after the first of `row`. It belongs to row `row + rows − 1 < m` and inner index `k − 1`, in
                    // bounds by the assertion above. The last read of `b` is at `(k − 1) b_step + NR − 1`: in a panel
                    // of `k NR` elements, or, unpacked, in column `column + NR − 1 < n` of row `k − 1`.
                    if width == NR {
                        let c = c[row * n + column..][..($rows - 1) * n + NR].as_mut_ptr();
                        let tile = Tile { k, a, a_steps, b, b_step, c, c_step: n, at };
                        // SAFETY: as above, and `c` ends with the last element written.
                        #[allow(unsafe_code)]
                        unsafe {
                            tile_call::<FMA, NR, { $rows }, _>(&tile, finish);
                        }
                    } else {
                        let mut tile = [[0.0; NR]; $rows];
                        let to = Tile { k, a, a_steps, b, b_step, c: tile.as_mut_ptr().cast(), c_step: NR, at };
                        // SAFETY: as above, and `tile` has room for all elements.
                        #[allow(unsafe_code)]
                        unsafe {
                            tile_call::<FMA, NR, { $rows }, _>(&to, Sums);
                        }
                        for (i, sums) in tile.iter().enumerate() {
                            let piece = &mut c[(row + i) * n + column..][..width];
                            for (j, (to, &sum)) in piece.iter_mut().zip(sums).enumerate() {
                                [*to] = finish.finish(row + i, column + j, [sum]);
                            }
                        }
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

/// Computes `a b` with few columns, as dot products of the rows of `a` and the columns of `b`, which is given
/// transposed.
///
/// The sums are in lanes, so their bits differ from those of [`product`].
#[inline(always)]
pub(super) fn narrow_product<const FMA: bool, const NR: usize>(
    [n, k]: [usize; 2],
    a: &[f32],
    b: &[f32],
    c: &mut [f32],
    finish: impl Finish,
) {
    /// Rows that are computed at once.
    const ROWS: usize = 4;
    let mut row = 0;
    macro_rules! rows {
        ($rows:expr) => {
            for (a, c) in a[row * k..].chunks_exact($rows * k).zip(c[row * n..].chunks_exact_mut($rows * n)) {
                for (column, b) in b.chunks_exact(k).enumerate() {
                    for (i, dot) in dots::<FMA, NR, { $rows }>(a, b).into_iter().enumerate() {
                        [c[i * n + column]] = finish.finish(row + i, column, [dot]);
                    }
                }
                row += $rows;
            }
        };
    }
    rows!(ROWS);
    rows!(1);
}

in_registers! {
    /// Calls [`tile`] for the instruction set that `product` was compiled for.
    ///
    /// # Safety
    ///
    /// As [`tile`]. On x86-64, `FMA` requires AVX2, and with 32 columns AVX-512.
    unsafe fn tile_call<M, F: Finish>(given: &Tile, finish: F) = tile
}

/// Pointers to the factors of a tile of a product, and to its result.
struct Tile {
    /// The inner dimension.
    k: usize,
    a: *const f32,
    /// Distances from one row of `a` to the next, and from one column to the next.
    a_steps: [usize; 2],
    b: *const f32,
    b_step: usize,
    c: *mut f32,
    c_step: usize,
    /// Row and column in the product.
    at: [usize; 2],
}

/// Computes a tile: row `i` is the sum over `p < k` of `a[i, p] · b[p, ..]`, finished and written to `c[i, ..]`.
///
/// # Safety
///
/// `a` must be readable in `M` rows and `k` columns, `b` in `k` rows and `NR` columns, and `c` writable in `M` rows and
/// `NR` columns. On x86-64, `FMA` requires AVX2, and with 32 columns AVX-512.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn tile<const FMA: bool, const NR: usize, const M: usize, F: Finish>(given: &Tile, finish: F) {
    // SAFETY: by the contract.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        match (FMA, NR) {
            (true, 32) => sums_avx512::<M>(given),
            (true, 16) => sums_avx2::<M>(given),
            _ => sums::<FMA, NR, M>(given),
        }
        #[cfg(not(target_arch = "x86_64"))]
        sums::<FMA, NR, M>(given);
    }
    // The sums are read back from memory, so that this loop takes no registers from them.
    let [row, column] = given.at;
    for i in 0..M {
        // SAFETY: in bounds by the contract; an array of floats has the alignment of a float.
        let piece = unsafe { &mut *given.c.wrapping_add(i * given.c_step).cast::<[f32; NR]>() };
        *piece = finish.finish(row + i, column, *piece);
    }
}

/// Computes the sums of a tile.
///
/// # Safety
///
/// As [`tile`].
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn sums<const FMA: bool, const NR: usize, const M: usize>(given: &Tile) {
    let &Tile { k, a, a_steps: [a_row, a_step], b, b_step, c, c_step, .. } = given;
    let mut sums = [[0.0; NR]; M];
    for p in 0..k {
        // SAFETY: in bounds by the contract; an array of floats has the alignment of a float.
        let b = unsafe { &*b.wrapping_add(p * b_step).cast::<[f32; NR]>() };
        for (i, sums) in sums.iter_mut().enumerate() {
            // SAFETY: in bounds by the contract.
            let a = unsafe { *a.wrapping_add(i * a_row + p * a_step) };
            for (sum, &b) in sums.iter_mut().zip(b) {
                *sum = multiply_add::<FMA>(a, b, *sum);
            }
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        // SAFETY: in bounds by the contract.
        unsafe { *c.wrapping_add(i * c_step).cast::<[f32; NR]>() = sums };
    }
}

/// Defines [`sums`] with vectors, two in a row: whether a compiler vectorises plain loops depends on the code around
/// them.
#[cfg(target_arch = "x86_64")]
macro_rules! sums_in_vectors {
    ($name:ident, $features:literal, $lanes:literal, $zero:ident, $splat:ident, $load:ident, $multiply_add:ident, $store:ident) => {
        /// As [`sums`], with vectors.
        ///
        /// # Safety
        ///
        /// As [`sums`].
        #[allow(unsafe_code)]
        #[target_feature(enable = $features)]
        #[inline]
        unsafe fn $name<const M: usize>(given: &Tile) {
            use std::arch::x86_64::{$load, $multiply_add, $splat, $store, $zero};

            let &Tile { k, mut a, a_steps: [a_row, a_step], mut b, b_step, c, c_step, .. } = given;
            let mut sums = [[$zero(); 2]; M];
            for _ in 0..k {
                // SAFETY: in bounds by the contract.
                let [left, right] = unsafe { [$load(b), $load(b.wrapping_add($lanes))] };
                let mut a_in_row = a;
                for sums in &mut sums {
                    // SAFETY: in bounds by the contract.
                    let a = $splat(unsafe { *a_in_row });
                    *sums = [$multiply_add(a, left, sums[0]), $multiply_add(a, right, sums[1])];
                    a_in_row = a_in_row.wrapping_add(a_row);
                }
                (a, b) = (a.wrapping_add(a_step), b.wrapping_add(b_step));
            }
            for (i, [left, right]) in sums.into_iter().enumerate() {
                let c = c.wrapping_add(i * c_step);
                // SAFETY: in bounds by the contract.
                unsafe {
                    $store(c, left);
                    $store(c.wrapping_add($lanes), right);
                }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
sums_in_vectors!(
    sums_avx512,
    "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma",
    16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_fmadd_ps,
    _mm512_storeu_ps
);
#[cfg(target_arch = "x86_64")]
sums_in_vectors!(
    sums_avx2,
    "avx2,fma",
    8,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_fmadd_ps,
    _mm256_storeu_ps
);

/// Copies `width` columns of `b` into a panel of `k` rows, padded with zeros.
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

/// Writes the transpose of a square. `stride` is the distance of its rows.
#[inline(always)]
fn transpose_square<const FMA: bool>(from: &[f32], stride: usize, to: &mut [f32], to_stride: usize) {
    assert!(from.len() == (SIDE - 1) * stride + SIDE && to.len() == (SIDE - 1) * to_stride + SIDE);
    #[cfg(target_arch = "x86_64")]
    if FMA {
        // SAFETY: on x86-64 the only bodies with `FMA` are those for AVX2 and above, and the rows end where the slices
        // do.
        #[allow(unsafe_code)]
        return unsafe { transpose_square_avx(from.as_ptr(), stride, to.as_mut_ptr(), to_stride) };
    }
    for r in 0..SIDE {
        for s in 0..SIDE {
            to[s * to_stride + r] = from[r * stride + s];
        }
    }
}

/// As [`transpose_square`], in registers: whether a compiler vectorises plain loops depends on the code around them.
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
        __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    // Loops, since the compiler does not always inline `array::from_fn`.
    let mut rows = [_mm256_setzero_ps(); SIDE];
    for (r, row) in rows.iter_mut().enumerate() {
        // SAFETY: in bounds by the contract.
        *row = unsafe { _mm256_loadu_ps(from.add(r * stride)) };
    }
    // Pairs of rows, then squares of 4, then of 8.
    let pair = |i: usize| {
        let (a, b) = (rows[2 * i], rows[2 * i + 1]);
        [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)]
    };
    let four = |[[a, b], [c, d]]: [[__m256; 2]; 2]| {
        [
            _mm256_shuffle_ps::<0x44>(a, c),
            _mm256_shuffle_ps::<0xEE>(a, c),
            _mm256_shuffle_ps::<0x44>(b, d),
            _mm256_shuffle_ps::<0xEE>(b, d),
        ]
    };
    let (left, right) = (four([pair(0), pair(1)]), four([pair(2), pair(3)]));
    for (s, (low, high)) in left.into_iter().zip(right).enumerate() {
        let columns = [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)];
        for (half, column) in columns.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(to.add((s + 4 * half) * to_stride), column) };
        }
    }
}
