//! Pictures of the tasks with a cart or a car.

use super::Render;
use super::canvas::{Canvas, Colour, Point, turned};
use crate::env::cart_pole::{CartPoleState, MAX_ANGLE, MAX_POSITION};
use crate::env::{CartPoleSwingUp, ContinuousCartPole, MountainCarContinuous};

/// Height of the axle of the pole in both pictures, and the size of the cart.
const AXLE_DOWN: f64 = 230.0;
const CART: (f64, f64) = (44.0, 24.0);

/// The track is 4.8 m long and ends where the episode does; the faint lines are the angles at which the episode ends.
impl Render for ContinuousCartPole {
    fn render(&self) -> Option<String> {
        const SCALE: f64 = 75.0;
        let state = self.state()?;
        let axle = (200.0 + SCALE * state.position, AXLE_DOWN);
        let mut canvas = Canvas::new();
        draw_track(&mut canvas, SCALE * MAX_POSITION);
        for limit in [-MAX_ANGLE, MAX_ANGLE] {
            canvas.line(axle, turned(axle, (0.0, -1.35 * SCALE), limit), 2.0, Colour::FAINT);
        }
        draw_cart(&mut canvas, axle, state, SCALE);
        Some(canvas.finish())
    }
}

/// The rail is 3.6 m long; the ring is where the tip should be.
impl Render for CartPoleSwingUp {
    fn render(&self) -> Option<String> {
        const SCALE: f64 = 90.0;
        let state = self.state()?;
        let axle = (200.0 + SCALE * state.position, AXLE_DOWN);
        let mut canvas = Canvas::new();
        draw_track(&mut canvas, SCALE * 1.8);
        canvas.ring((200.0, AXLE_DOWN - SCALE), 12.0, 4.0, Colour::TARGET);
        draw_cart(&mut canvas, axle, state, SCALE);
        Some(canvas.finish())
    }
}

fn draw_track(canvas: &mut Canvas, half_length: f64) {
    let down = AXLE_DOWN;
    canvas.line((200.0 - half_length, down), (200.0 + half_length, down), 4.0, Colour::GROUND);
    for end in [200.0 - half_length, 200.0 + half_length] {
        canvas.line((end, down - 14.0), (end, down + 14.0), 4.0, Colour::GROUND);
    }
}

/// Draws the cart with a pole of 1 m.
fn draw_cart(canvas: &mut Canvas, axle: Point, state: CartPoleState, scale: f64) {
    canvas.turned_rectangle(axle, CART, 0.0, Colour::BODY);
    canvas.line(axle, turned(axle, (0.0, -scale), state.theta), 9.0, Colour::LIMB);
    canvas.disc(axle, 5.0, Colour::JOINT);
}

/// The valley, with the flag at its goal.
impl Render for MountainCarContinuous {
    fn render(&self) -> Option<String> {
        let position = self.state()?.position;
        let mut canvas = Canvas::new();
        let mut hill: Vec<Point> = (0..=60).map(|i| ground(-1.2 + 0.03 * f64::from(i))).collect();
        hill.extend([(400.0, 400.0), (0.0, 400.0)]);
        canvas.polygon(&hill, Colour::GROUND);

        let goal = ground(0.45);
        let top = (goal.0, goal.1 - 48.0);
        canvas.line(goal, top, 3.0, Colour::JOINT);
        canvas.polygon(&[top, (top.0 + 26.0, top.1 + 8.0), (top.0, top.1 + 16.0)], Colour::TARGET);

        let (under, ahead, behind) = (ground(position), ground(position + 0.01), ground(position - 0.01));
        let slope = libm::atan2(ahead.1 - behind.1, ahead.0 - behind.0);
        canvas.turned_rectangle(turned(under, (0.0, -18.0), slope), (40.0, 14.0), slope, Colour::BODY);
        for side in [-12.0, 12.0] {
            canvas.disc(turned(under, (side, -8.0), slope), 7.0, Colour::JOINT);
        }
        Some(canvas.finish())
    }
}

/// Returns the height of the ground at a position, as in Gymnasium's picture.
fn ground(position: f64) -> Point {
    const SCALE: f64 = 400.0 / 1.8;
    let height = 0.45 * libm::sin(3.0 * position) + 0.55;
    (SCALE * (position + 1.2), 340.0 - SCALE * height)
}
