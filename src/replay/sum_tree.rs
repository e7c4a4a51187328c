//! A tree of sums, for numbers that change one at a time.

/// A complete binary tree: a leaf holds a number, a node the sum below it.
#[derive(Debug, Clone)]
pub(super) struct SumTree {
    leaves: usize,
    /// The root at 1, the children of node i at 2 i and 2 i + 1.
    nodes: Vec<f64>,
}

impl SumTree {
    /// Creates a tree of at least `len` zeros; `None` if it does not fit into memory.
    pub(super) fn new(len: usize) -> Option<Self> {
        let leaves = len.checked_next_power_of_two()?;
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(leaves.checked_mul(2)?).ok()?;
        nodes.resize(2 * leaves, 0.0);
        Some(Self { leaves, nodes })
    }

    pub(super) fn get(&self, index: usize) -> f64 {
        self.nodes[self.leaves + index]
    }

    pub(super) fn sum(&self) -> f64 {
        self.nodes[1]
    }

    /// Replaces one number. Each sum is computed from the two below it, so errors do not accumulate.
    pub(super) fn set(&mut self, index: usize, value: f64) {
        let mut node = self.leaves + index;
        self.nodes[node] = value;
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// Returns the index whose share of the sum contains `mass`, from `[0, sum)`; never one whose number is 0.
    pub(super) fn find(&self, mut mass: f64) -> usize {
        let mut node = 1;
        while node < self.leaves {
            let (left, right) = (2 * node, 2 * node + 1);
            // Rounding may leave a mass that is beyond both.
            node = if mass < self.nodes[left] || self.nodes[right] == 0.0 {
                left
            } else {
                mass -= self.nodes[left];
                right
            };
        }
        node - self.leaves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_index_has_its_share_of_the_sum() {
        let mut tree = SumTree::new(3).unwrap();
        for (index, value) in [2.0, 0.0, 1.0].into_iter().enumerate() {
            tree.set(index, value);
        }
        assert_eq!((tree.sum(), tree.get(0), tree.get(2)), (3.0, 2.0, 1.0));
        let found: Vec<usize> = [0.0, 1.0, 1.999, 2.0, 2.999, 3.0, 9.0].map(|mass| tree.find(mass)).to_vec();
        assert_eq!(found, [0, 0, 0, 2, 2, 2, 2]);
    }

    proptest! {
        #[test]
        fn it_finds_what_a_walk_along_the_numbers_finds(
            values in prop::collection::vec(prop_oneof![Just(0.0), (1_u32..100).prop_map(f64::from)], 1..40),
            share in 0.0..1.0_f64,
        ) {
            prop_assume!(values.iter().sum::<f64>() > 0.0);
            let mut tree = SumTree::new(values.len()).unwrap();
            values.iter().enumerate().for_each(|(index, &value)| tree.set(index, value));
            prop_assert_eq!(tree.sum(), values.iter().sum::<f64>());
            // Whole numbers, so that both ways are exact.
            let mass = (share * tree.sum()).floor();
            let mut below = 0.0;
            let walked = values.iter().position(|value| { below += value; mass < below }).unwrap();
            prop_assert_eq!(tree.find(mass), walked);
        }
    }
}
