//! A picture of the quadrotor.

use super::Render;
use super::canvas::{Canvas, Colour, Point};
use crate::env::QuadrotorHover;

/// User units in a metre, and the magnification of the vehicle, which spans 9 cm.
const SCALE: f64 = 80.0;
const ENLARGED: f64 = 7.0;

/// Height in m at which the shadow falls.
const FLOOR: f64 = -1.25;

/// Seen from behind, from the right and from above, without perspective; the vehicle is drawn seven times as large as it
/// is. The ring is the target, and the cross on the floor is below the ring. The front rotors are red.
impl Render for QuadrotorHover {
    fn render(&self) -> Option<String> {
        let state = self.state()?;
        let rotation = state.rotation();
        let position = state.position;
        // From the body's axes to the picture.
        let place = |body: [f64; 3]| {
            project(std::array::from_fn(|i| {
                position[i] + (0..3).map(|j| rotation[i][j] * ENLARGED * body[j]).sum::<f64>()
            }))
        };
        let mut canvas = Canvas::new();
        draw_floor(&mut canvas);
        let (middle, shadow) = (project(position), project([position[0], position[1], FLOOR]));
        canvas.line(middle, shadow, 1.5, Colour::FAINT);
        canvas.disc(shadow, 6.0, Colour::GROUND);
        canvas.ring(project([0.0; 3]), 10.0, 4.0, Colour::TARGET);

        let lever = 0.0325;
        let rotors = [
            (lever, -lever, Colour::LIMB),
            (-lever, -lever, Colour::BODY),
            (-lever, lever, Colour::BODY),
            (lever, lever, Colour::LIMB),
        ];
        for (x, y, _) in rotors {
            canvas.line(middle, place([x, y, 0.0]), 5.0, Colour::JOINT);
        }
        for (x, y, colour) in rotors {
            let blade = |i: u32| {
                let (sine, cosine) = libm::sincos(std::f64::consts::TAU * f64::from(i) / 24.0);
                place([x + 0.023 * cosine, y + 0.023 * sine, 0.006])
            };
            canvas.polygon(&(0..24).map(blade).collect::<Vec<_>>(), colour);
        }
        canvas.disc(middle, 5.0, Colour::JOINT);
        Some(canvas.finish())
    }
}

/// Draws a grid of 2 m by 2 m, with a cross in its middle.
fn draw_floor(canvas: &mut Canvas) {
    for i in -2..=2 {
        let at = 0.5 * f64::from(i);
        let (width, colour) = if i == 0 { (3.0, Colour::GROUND) } else { (1.5, Colour::FAINT) };
        canvas.line(project([at, -1.0, FLOOR]), project([at, 1.0, FLOOR]), width, colour);
        canvas.line(project([-1.0, at, FLOOR]), project([1.0, at, FLOOR]), width, colour);
    }
}

/// Looks along the ground at 30° to the left of forwards, and down by about 20°.
fn project([x, y, z]: [f64; 3]) -> Point {
    const SIDE_SINE: f64 = 0.5;
    const SIDE_COSINE: f64 = 0.866;
    const DOWN_SINE: f64 = 0.342;
    const DOWN_COSINE: f64 = 0.94;
    let (away, right) = (SIDE_COSINE * x + SIDE_SINE * y, SIDE_SINE * x - SIDE_COSINE * y);
    (200.0 + SCALE * right, 190.0 - SCALE * (DOWN_COSINE * z + DOWN_SINE * away))
}
