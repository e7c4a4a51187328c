//! Pictures of environments, as SVG.

mod arms;
mod canvas;
mod carts;
mod quadrotor;

/// An environment that can draw its state.
///
/// # Examples
///
/// ```
/// use actor_critic::env::{Environment, Pendulum, Render};
///
/// let mut env = Pendulum::v1();
/// assert_eq!(env.render(), None);
/// env.reset(0)?;
/// assert!(env.render().unwrap().starts_with("<svg "));
/// # Ok::<(), actor_critic::env::EnvironmentError>(())
/// ```
pub trait Render {
    /// Returns the present state as an SVG document of 400 by 400 user units, or `None` before the first reset.
    ///
    /// The document has no scripts, no links and no fonts. The same state gives the same text.
    fn render(&self) -> Option<String>;
}

impl<E: Render + ?Sized> Render for &mut E {
    fn render(&self) -> Option<String> {
        (**self).render()
    }
}

impl<E: Render + ?Sized> Render for Box<E> {
    fn render(&self) -> Option<String> {
        (**self).render()
    }
}

#[cfg(test)]
mod tests;
