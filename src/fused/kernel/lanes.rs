//! Sums over slices, in lanes.

use super::in_registers;

/// Lanes of a sum. They are the same on every instruction set, so its bits are too.
const LANES: usize = 16;

/// Returns the sum of `term` over the elements of slices of the same length.
#[inline(always)]
pub(super) fn sum<const N: usize>(slices: [&[f32]; N], term: impl Fn([f32; N]) -> f32) -> f32 {
    let len = slices.first().map_or(0, |slice| slice.len());
    let slices = slices.map(|slice| slice[..len].as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for chunk in 0..len / LANES {
        let chunks = slices.map(|(chunks, _)| &chunks[chunk]);
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane += term(chunks.map(|chunk| chunk[i]));
        }
    }
    fold(with_rest(lanes, len % LANES, |i, lane| lane + term(slices.map(|(_, rest)| rest[i]))))
}

/// Returns the sums of two terms over the elements of a slice.
#[inline(always)]
pub(super) fn sums(slice: &[f32], terms: impl Fn(f32) -> [f32; 2]) -> [f32; 2] {
    let (chunks, rest) = slice.as_chunks::<LANES>();
    let mut lanes = [[0.0; LANES]; 2];
    for chunk in chunks {
        for (i, &x) in chunk.iter().enumerate() {
            let [first, second] = terms(x);
            lanes[0][i] += first;
            lanes[1][i] += second;
        }
    }
    let [first, second] = lanes;
    [
        fold(with_rest(first, rest.len(), |i, lane| lane + terms(rest[i])[0])),
        fold(with_rest(second, rest.len(), |i, lane| lane + terms(rest[i])[1])),
    ]
}

/// Returns the dot product of two slices of the same length.
#[inline(always)]
pub(super) fn dot<const FMA: bool, const NR: usize>(a: &[f32], b: &[f32]) -> f32 {
    let [dot] = dots::<FMA, NR, 1>(a, b);
    dot
}

/// Returns the dot products of `b` with several rows of its length. The processor computes several of them at once.
#[inline(always)]
pub(super) fn dots<const FMA: bool, const NR: usize, const M: usize>(rows: &[f32], b: &[f32]) -> [f32; M] {
    let k = b.len();
    assert_eq!(rows.len(), M * k, "the slices have one length");
    // SAFETY: the lengths are checked above; `FMA` and `NR` belong to the body for the instruction set.
    #[allow(unsafe_code)]
    let lanes: [[f32; LANES]; M] = unsafe { whole_lanes_call::<FMA, NR, M>(k, rows.as_ptr(), b.as_ptr()) };
    let whole = k - k % LANES;
    let mut dots = [0.0; M];
    for (i, dot) in dots.iter_mut().enumerate() {
        let (a, b) = (&rows[i * k + whole..][..k - whole], &b[whole..]);
        *dot = fold(with_rest(lanes[i], b.len(), |j, lane| multiply_add::<FMA>(a[j], b[j], lane)));
    }
    dots
}

in_registers! {
    /// Calls [`whole_lanes`] for the instruction set.
    ///
    /// # Safety
    ///
    /// As [`whole_lanes`]. On x86-64, `FMA` requires AVX2, and with 32 columns AVX-512.
    unsafe fn whole_lanes_call<M>(k: usize, a: *const f32, b: *const f32) -> [[f32; LANES]; M] = whole_lanes
}

/// Returns the lanes of the dot products of `M` rows of `k` numbers with `b`, up to the last multiple of the number of
/// lanes.
///
/// # Safety
///
/// `a` must be readable for `M k` numbers, and `b` for `k`.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn whole_lanes<const FMA: bool, const NR: usize, const M: usize>(
    k: usize,
    a: *const f32,
    b: *const f32,
) -> [[f32; LANES]; M] {
    let mut lanes = [[0.0; LANES]; M];
    for chunk in 0..k / LANES {
        // SAFETY: the chunk is complete within the row; an array of floats has the alignment of a float.
        let b = unsafe { &*b.add(chunk * LANES).cast::<[f32; LANES]>() };
        for (i, lanes) in lanes.iter_mut().enumerate() {
            // SAFETY: as above.
            let a = unsafe { &*a.add(i * k + chunk * LANES).cast::<[f32; LANES]>() };
            for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
                *lane = multiply_add::<FMA>(a, b, *lane);
            }
        }
    }
    lanes
}

/// Adds the remaining elements to the first `len` lanes.
///
/// It changes a copy: an array that is indexed by a variable does not stay in registers.
#[inline(always)]
fn with_rest(lanes: [f32; LANES], len: usize, add: impl Fn(usize, f32) -> f32) -> [f32; LANES] {
    if len == 0 {
        return lanes;
    }
    let mut copy = lanes;
    for (i, lane) in copy.iter_mut().take(len).enumerate() {
        *lane = add(i, *lane);
    }
    copy
}

/// Returns the sum of the lanes, by adding one half to the other.
#[inline(always)]
fn fold(lanes: [f32; LANES]) -> f32 {
    let (mut eight, mut four) = ([0.0; 8], [0.0; 4]);
    for i in 0..8 {
        eight[i] = lanes[i] + lanes[i + 8];
    }
    for i in 0..4 {
        four[i] = eight[i] + eight[i + 4];
    }
    let [a, b, c, d] = four;
    (a + c) + (b + d)
}

#[inline(always)]
pub(super) fn multiply_add<const FMA: bool>(a: f32, b: f32, sum: f32) -> f32 {
    if FMA { a.mul_add(b, sum) } else { sum + a * b }
}
