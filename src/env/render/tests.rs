use super::Render;
use crate::env::{
    AcrobotSwingUp, CartPoleSwingUp, ContinuousCartPole, Environment, MountainCarContinuous, Pendulum, QuadrotorHover,
    Reacher,
};

trait Drawn: Environment + Render {}
impl<E: Environment + Render> Drawn for E {}

fn tasks() -> Vec<(&'static str, Box<dyn Drawn>)> {
    vec![
        ("pendulum", Box::new(Pendulum::v1())),
        ("mountain_car", Box::new(MountainCarContinuous::v0())),
        ("cart_pole", Box::new(ContinuousCartPole::standard())),
        ("cart_pole_swing_up", Box::new(CartPoleSwingUp::standard())),
        ("acrobot", Box::new(AcrobotSwingUp::standard())),
        ("reacher_easy", Box::new(Reacher::easy())),
        ("reacher_hard", Box::new(Reacher::hard())),
        ("quadrotor", Box::new(QuadrotorHover::standard())),
    ]
}

/// Pictures of the first state of an episode and of those after some steps.
fn pictures(env: &mut dyn Drawn, seed: u64) -> Vec<String> {
    env.reset(seed).unwrap();
    let mut pictures = vec![env.render().unwrap()];
    let action = env.action_space().high().to_vec();
    while pictures.len() < 30 && !env.step(&action).unwrap().is_last() {
        pictures.push(env.render().unwrap());
    }
    pictures
}

/// Requires elements that are closed in order, quoted attributes, and coordinates that are numbers; returns how many it saw.
fn check_document(svg: &str) -> usize {
    let (mut open, mut numbers) = (Vec::new(), 0);
    for element in svg.split('<').skip(1) {
        let (tag, text) = element.split_once('>').expect("every element ends");
        assert_eq!(text, "", "no text between elements");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap();
        let mut parts = attributes.split('"');
        while let Some(key) = parts.next().map(str::trim).filter(|key| !key.is_empty()) {
            let value = parts.next().expect("every attribute has a value in quotes");
            let key = key.strip_suffix('=').expect("an attribute is a name, an equals sign and a value");
            if ["x1", "y1", "x2", "y2", "cx", "cy", "r", "points", "stroke-width", "width", "height"].contains(&key) {
                for number in value.split([' ', ',']) {
                    assert!(number.parse::<f64>().unwrap().abs() <= 1e4, "{key}: {number}");
                    numbers += 1;
                }
            }
        }
        if !closed {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    numbers
}

#[test]
fn nothing_is_drawn_before_the_first_reset() {
    assert!(tasks().iter().all(|(_, env)| env.render().is_none()));
}

#[test]
fn every_picture_is_a_whole_document_of_finite_numbers() {
    for (name, mut env) in tasks() {
        for svg in pictures(&mut *env, 1) {
            assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 400 400\""), "{name}");
            assert!(check_document(&svg) > 10, "{name}");
            assert!(svg.len() < 8_000, "{name}: {} bytes", svg.len());
        }
    }
}

#[test]
fn the_same_state_gives_the_same_picture_and_another_state_another() {
    for ((name, mut first), (_, mut second)) in tasks().into_iter().zip(tasks()) {
        let drawn = pictures(&mut *first, 4);
        assert_eq!(drawn, pictures(&mut *second, 4), "{name}");
        assert_ne!(drawn[0], drawn[drawn.len() - 1], "{name}");
        assert_eq!(first.render(), first.render(), "{name}");
    }
}

/// Colours of a picture in pixels, without those that only a few have, at the edge of a shape.
#[cfg(feature = "plot")]
fn colours(svg: &str) -> std::collections::BTreeSet<[u8; 3]> {
    use resvg::{tiny_skia, usvg};
    let tree = usvg::Tree::from_str(svg, &usvg::Options::default()).unwrap();
    let mut pixels = tiny_skia::Pixmap::new(400, 400).unwrap();
    resvg::render(&tree, tiny_skia::Transform::identity(), &mut pixels.as_mut());
    let mut counts = std::collections::BTreeMap::new();
    for pixel in pixels.pixels() {
        assert_eq!(pixel.alpha(), 255);
        *counts.entry([pixel.red(), pixel.green(), pixel.blue()]).or_insert(0_u32) += 1;
    }
    counts.into_iter().filter(|&(_, count)| count >= 50).map(|(colour, _)| colour).collect()
}

#[cfg(feature = "plot")]
#[test]
fn every_picture_shows_the_target_and_what_moves() {
    let (target, body, limb) = ([0x57, 0xa7, 0x73], [0x3f, 0x6c, 0x9b], [0xd4, 0x69, 0x4c]);
    for (name, mut env) in tasks() {
        let drawn = pictures(&mut *env, 2);
        for svg in [&drawn[0], &drawn[drawn.len() - 1]] {
            let seen = colours(svg);
            assert!(seen.contains(&target) || name == "cart_pole", "{name}: {seen:?}");
            assert!(seen.contains(&body) || seen.contains(&limb), "{name}: {seen:?}");
        }
    }
}
