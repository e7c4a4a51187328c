//! Finished pictures and their two file formats.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use epaint_default_fonts::UBUNTU_LIGHT;
use plotters::style::{FontStyle, register_font};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{Options, Tree};

use super::PlotError;

/// The fonts of texts, as a list in the form of SVG and CSS: a browser without the first uses the second.
pub(super) const FONT_FAMILY: &str = "Ubuntu, sans-serif";

/// Larger pictures are refused: a pixel takes four bytes, and a failed allocation would end the program.
const MOST_PIXELS: u64 = 1 << 27;

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(UBUNTU_LIGHT.to_vec());
    fonts.set_sans_serif_family("Ubuntu");
    Arc::new(fonts)
});

/// Registers the font in the library that measures texts. A failure appears as an error of the first text.
pub(super) fn register_fonts() {
    static REGISTERED: std::sync::Once = std::sync::Once::new();
    REGISTERED.call_once(|| drop(register_font(FONT_FAMILY, FontStyle::Normal, UBUNTU_LIGHT)));
}

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    svg: String,
}

impl Picture {
    pub(super) fn new(svg: String) -> Self {
        Self { svg }
    }

    /// Returns the picture as the text of an SVG file.
    pub fn svg(&self) -> &str {
        &self.svg
    }

    /// Renders the picture into the bytes of a PNG file, one pixel per px.
    ///
    /// # Errors
    ///
    /// [`PlotError::Drawing`] if it has more than 2²⁷ pixels, half a gigabyte, as 745 panels have.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        let options = Options { fontdb: Arc::clone(&FONTS), ..Options::default() };
        let tree = Tree::from_str(&self.svg, &options).map_err(|error| PlotError::Drawing(error.into()))?;
        let size = tree.size().to_int_size();
        let (width, height) = (size.width(), size.height());
        let too_many = || PlotError::Drawing(format!("{width} by {height} px are too many").into());
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(too_many());
        }
        let mut pixels = Pixmap::new(width, height).ok_or_else(too_many)?;
        resvg::render(&tree, Transform::default(), &mut pixels.as_mut());
        pixels.encode_png().map_err(|error| PlotError::Drawing(error.into()))
    }

    /// Writes the SVG file, and makes its parent folders.
    ///
    /// # Errors
    ///
    /// [`PlotError::Io`] names the file.
    pub fn write_svg(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        write(path.as_ref(), self.svg.as_bytes())
    }

    /// Writes the PNG file, and makes its parent folders.
    ///
    /// # Errors
    ///
    /// As [`png`](Self::png), and [`PlotError::Io`] names the file.
    pub fn write_png(&self, path: impl AsRef<Path>) -> Result<(), PlotError> {
        write(path.as_ref(), &self.png()?)
    }

    /// Writes both files: `stem` + `.svg` and `stem` + `.png`.
    ///
    /// The endings are appended: the stem `sac-0.1` gives `sac-0.1.svg`.
    ///
    /// # Errors
    ///
    /// As [`write_svg`](Self::write_svg) and [`write_png`](Self::write_png).
    pub fn write(&self, stem: impl AsRef<Path>) -> Result<(), PlotError> {
        self.write_svg(with_ending(stem.as_ref(), ".svg"))?;
        self.write_png(with_ending(stem.as_ref(), ".png"))
    }
}

pub(super) fn with_ending(stem: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(stem);
    path.push(ending);
    path.into()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), PlotError> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|source| PlotError::Io { path: path.to_path_buf(), source })
}
