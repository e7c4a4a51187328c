//! Pictures of the tasks with an arm that turns.

use super::Render;
use super::canvas::{Canvas, Colour, Point, turned};
use crate::env::{AcrobotSwingUp, Pendulum, Reacher};

const MIDDLE: Point = (200.0, 200.0);

/// The ring is where the end of the rod should be.
impl Render for Pendulum {
    fn render(&self) -> Option<String> {
        let theta = self.state()?.theta;
        let mut canvas = Canvas::new();
        canvas.ring((MIDDLE.0, MIDDLE.1 - 150.0), 22.0, 4.0, Colour::TARGET);
        canvas.line(MIDDLE, turned(MIDDLE, (0.0, -150.0), theta), 26.0, Colour::LIMB);
        canvas.disc(MIDDLE, 8.0, Colour::JOINT);
        Some(canvas.finish())
    }
}

/// The disc is the target, in its true size.
impl Render for AcrobotSwingUp {
    fn render(&self) -> Option<String> {
        const SCALE: f64 = 85.0;
        let state = self.state()?;
        let elbow = turned(MIDDLE, (0.0, -SCALE), state.shoulder);
        let tip = turned(elbow, (0.0, -SCALE), state.shoulder + state.elbow);
        let mut canvas = Canvas::new();
        canvas.disc((MIDDLE.0, MIDDLE.1 - 2.0 * SCALE), 0.2 * SCALE, Colour::TARGET);
        canvas.line(MIDDLE, elbow, 14.0, Colour::BODY);
        canvas.line(elbow, tip, 14.0, Colour::LIMB);
        canvas.disc(MIDDLE, 5.0, Colour::JOINT);
        canvas.disc(elbow, 5.0, Colour::JOINT);
        Some(canvas.finish())
    }
}

/// Seen from above; the disc is the target, in its true size.
impl Render for Reacher {
    fn render(&self) -> Option<String> {
        /// User units in a metre: the arena is 0.6 m wide.
        const SCALE: f64 = 620.0;
        let state = self.state()?;
        let place = |[x, y]: [f64; 2]| (MIDDLE.0 + SCALE * x, MIDDLE.1 - SCALE * y);
        let [wrist, finger] = state.joints().map(place);
        let mut canvas = Canvas::new();
        let corners = [[-0.3, -0.3], [0.3, -0.3], [0.3, 0.3], [-0.3, 0.3]].map(place);
        for i in 0..4 {
            canvas.line(corners[i], corners[(i + 1) % 4], 4.0, Colour::GROUND);
        }
        canvas.disc(place(state.target), SCALE * self.target_radius(), Colour::TARGET);
        canvas.line(MIDDLE, wrist, 14.0, Colour::BODY);
        canvas.line(wrist, finger, 14.0, Colour::LIMB);
        canvas.disc(MIDDLE, 5.0, Colour::JOINT);
        canvas.disc(wrist, 5.0, Colour::JOINT);
        canvas.disc(finger, 6.2, Colour::JOINT);
        Some(canvas.finish())
    }
}
