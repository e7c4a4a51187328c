use gif::{ColorOutput, DecodeOptions, DisposalMethod, Repeat};

use super::square;
use crate::report::raster::{Pixel, Raster};
use crate::report::{Animation, ReportError};

/// Plays a GIF as a viewer does: the whole picture after each frame, and how long it is shown.
fn play(gif: &[u8]) -> (Vec<(Raster, u16)>, Repeat) {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let mut decoder = options.read_info(gif).unwrap();
    let (width, height) = (decoder.width(), decoder.height());
    let mut screen = vec![[0; 3]; usize::from(width) * usize::from(height)];
    let mut shown = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        assert_eq!(frame.dispose, DisposalMethod::Keep, "or a viewer would clear the picture");
        let pixels: Vec<Pixel> = frame.buffer.chunks_exact(4).map(|rgba| [rgba[0], rgba[1], rgba[2]]).collect();
        for (row, line) in pixels.chunks_exact(frame.width.into()).enumerate() {
            let start = (usize::from(frame.top) + row) * usize::from(width) + usize::from(frame.left);
            screen[start..start + line.len()].copy_from_slice(line);
        }
        shown.push((Raster { width, height, pixels: screen.clone() }, frame.delay));
    }
    (shown, decoder.repeat())
}

#[test]
fn a_gif_shows_every_picture_as_it_was_drawn() {
    let pictures = [0, 3, 11, 30].map(square);
    let gif = Animation::new(pictures.clone()).with_width(40).gif().unwrap();
    let (shown, repeat) = play(&gif);
    assert_eq!(repeat, Repeat::Infinite);
    assert_eq!(shown.len(), 4);
    for (index, (svg, (raster, delay))) in pictures.iter().zip(shown).enumerate() {
        assert_eq!(raster, Raster::draw(svg, index, 40).unwrap());
        assert_eq!(delay, 5);
    }
    assert_eq!(gif, Animation::new(pictures).with_width(40).gif().unwrap(), "the same pictures give the same bytes");
}

#[test]
fn pictures_that_do_not_change_prolong_the_one_before() {
    let pictures = [0, 0, 0, 10].map(square);
    let animation = Animation::new(pictures).with_width(8).with_frames_per_second(30.0).with_repeats(2);
    let (shown, repeat) = play(&animation.gif().unwrap());
    let delays: Vec<u16> = shown.iter().map(|(_, delay)| *delay).collect();
    // Thirds of a second at 100 ticks: they begin at 0, 3, 7, 10 and end at 13.
    assert_eq!((delays, repeat), (vec![10, 3], Repeat::Finite(2)));
}

#[test]
fn only_every_nth_picture_is_shown() {
    let pictures = (0..7).map(|index| square(4 * index));
    let (shown, _) = play(&Animation::new(pictures).with_width(40).with_every(3).gif().unwrap());
    let expected = [0, 12, 24].map(|left| Raster::draw(&square(left), 0, 40).unwrap());
    assert_eq!(shown.into_iter().map(|(raster, _)| raster).collect::<Vec<_>>(), expected);
}

#[test]
fn a_picture_that_is_shown_longer_than_a_gif_can_count_is_repeated() {
    let animation = Animation::new([square(0), square(0)]).with_width(8).with_frames_per_second(0.002);
    let delays: Vec<u16> = play(&animation.gif().unwrap()).0.iter().map(|(_, delay)| *delay).collect();
    assert_eq!(delays, [50_000, 50_000]);
}

#[test]
fn what_cannot_be_shown_is_named() {
    let text = |animation: Animation| animation.gif().unwrap_err().to_string();
    let one = || Animation::new([square(0)]);
    assert_eq!(text(Animation::new([])), "an animation needs at least one picture, got none");
    for value in [0.0, -1.0, 50.1, f64::NAN] {
        assert_eq!(
            text(one().with_frames_per_second(value)),
            format!(
                "frames per second must be more than 0 and at most 50, got {value}; show every n-th picture instead"
            )
        );
    }
    for (width, height) in [(0, 0), (2_049, 1_025), (u32::MAX, 2_147_483_648_u64)] {
        assert_eq!(
            text(one().with_width(width)),
            format!(
                "width and height of an animation must be 1 to 2048 px, got {width} by {height}; choose another width"
            )
        );
    }
    assert!(text(Animation::new([square(0), "no picture".into()])).starts_with("picture 1 must be an SVG document: "));
    let tall = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 20 40\"/>".to_owned();
    assert_eq!(
        text(Animation::new([square(0), tall]).with_width(20)),
        "picture 1 must be as large as the first, 20 by 10 px, got 20 by 40 px"
    );
    let failed = ReportError::Encoding("a picture does not fit into memory".into());
    assert_eq!(failed.to_string(), "cannot make the animation: a picture does not fit into memory");
}
