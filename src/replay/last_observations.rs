//! Observations without a following transition.

/// A list of observations at numbered places, which are reused.
#[derive(Debug, Clone)]
pub(super) struct LastObservations {
    dim: usize,
    values: Vec<f32>,
    /// Free places; the next one to use is at the end.
    free: Vec<usize>,
}

impl LastObservations {
    pub(super) fn new(dim: usize) -> Self {
        Self { dim, values: Vec::new(), free: Vec::new() }
    }

    /// Stores an observation in a free place, and returns its number.
    pub(super) fn insert(&mut self, observation: &[f32]) -> usize {
        let Some(slot) = self.free.pop() else {
            self.values.extend_from_slice(observation);
            return self.values.len() / self.dim - 1;
        };
        self.values[slot * self.dim..][..self.dim].copy_from_slice(observation);
        slot
    }

    /// Frees a place.
    pub(super) fn remove(&mut self, slot: usize) {
        self.free.push(slot);
    }

    pub(super) fn get(&self, slot: usize) -> &[f32] {
        &self.values[slot * self.dim..][..self.dim]
    }

    /// Returns how many observations there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len() / self.dim - self.free.len()
    }
}
