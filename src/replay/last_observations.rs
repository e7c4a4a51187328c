//! The observations after which nothing is stored.

/// Observations in numbered places that are used again.
#[derive(Debug, Clone)]
pub(super) struct LastObservations {
    dim: usize,
    values: Vec<f32>,
    /// Places that are empty, the one to be used next at the end.
    free: Vec<usize>,
}

impl LastObservations {
    pub(super) fn new(dim: usize) -> Self {
        Self { dim, values: Vec::new(), free: Vec::new() }
    }

    /// Puts an observation into an empty place, and returns its number.
    pub(super) fn insert(&mut self, observation: &[f32]) -> usize {
        let Some(slot) = self.free.pop() else {
            self.values.extend_from_slice(observation);
            return self.values.len() / self.dim - 1;
        };
        self.values[slot * self.dim..][..self.dim].copy_from_slice(observation);
        slot
    }

    /// Empties a place.
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
