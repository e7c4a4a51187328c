//! Masses and moments of inertia of capsules and balls.

use std::f64::consts::PI;

/// A homogeneous cylinder with a hemisphere at each end.
#[derive(Debug, Clone, Copy)]
pub(in crate::env) struct Capsule {
    /// Mass in kg.
    pub(in crate::env) mass: f64,
    /// Radius in m.
    pub(in crate::env) radius: f64,
    /// Length of the cylinder in m, without the hemispheres.
    pub(in crate::env) length: f64,
}

impl Capsule {
    /// Creates a capsule from a material's density in kg/m³.
    pub(in crate::env) const fn of_density(density: f64, radius: f64, length: f64) -> Self {
        let mass = density * (cylinder_volume(radius, length) + ball_volume(radius));
        Self { mass, radius, length }
    }

    /// Returns the moment of inertia in kg·m² about an axis through the centre, across the cylinder.
    pub(in crate::env) const fn transverse_inertia(&self) -> f64 {
        let Self { mass, radius, length } = *self;
        let (cylinder, ball) = (cylinder_volume(radius, length), ball_volume(radius));
        let (cylinder, ball) = (mass * cylinder / (cylinder + ball), mass * ball / (cylinder + ball));
        cylinder * (3.0 * radius * radius + length * length) / 12.0
            + ball * (0.4 * radius * radius + 0.25 * length * length + 0.375 * length * radius)
    }
}

/// Returns the mass in kg of a ball from its density in kg/m³.
pub(in crate::env) const fn ball_mass(density: f64, radius: f64) -> f64 {
    density * ball_volume(radius)
}

/// Returns the moment of inertia in kg·m² of a ball about its centre.
pub(in crate::env) const fn ball_inertia(mass: f64, radius: f64) -> f64 {
    0.4 * mass * radius * radius
}

const fn cylinder_volume(radius: f64, length: f64) -> f64 {
    PI * radius * radius * length
}

const fn ball_volume(radius: f64) -> f64 {
    4.0 / 3.0 * PI * radius * radius * radius
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capsule_without_a_cylinder_is_a_ball() {
        let capsule = Capsule::of_density(1_000.0, 0.1, 0.0);
        assert!((capsule.mass - ball_mass(1_000.0, 0.1)).abs() < 1e-12);
        assert!((capsule.transverse_inertia() - ball_inertia(capsule.mass, 0.1)).abs() < 1e-15);
    }

    #[test]
    fn a_thin_capsule_is_a_rod() {
        let inertia = Capsule { mass: 3.0, radius: 1e-9, length: 2.0 }.transverse_inertia();
        assert!((inertia - 3.0 * 4.0 / 12.0).abs() < 1e-8);
    }

    #[test]
    fn the_hemispheres_add_what_the_parallel_axis_theorem_says() {
        // r = 1 m, h = 2 m, density 3/π: the cylinder weighs 6 kg, each hemisphere 2 kg with its centroid 3/8 r above its face.
        // cylinder: 6 (3 + 4) / 12 = 3.5; hemisphere about its centroid: 2 (2/5 − 9/64), moved by h/2 + 3/8 = 1.375.
        let capsule = Capsule::of_density(3.0 / PI, 1.0, 2.0);
        let hemisphere = 2.0 * (0.4 - 9.0 / 64.0) + 2.0 * 1.375 * 1.375;
        assert!((capsule.mass - 10.0).abs() < 1e-12);
        assert!((capsule.transverse_inertia() - (3.5 + 2.0 * hemisphere)).abs() < 1e-12);
    }
}
