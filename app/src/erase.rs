//! Views without their types: a page that is made of them compiles to a bundle of half the size.

use std::borrow::Cow;

use leptos::prelude::*;

/// A view without its type.
#[cfg(not(feature = "hydrate"))]
pub type Erased = AnyView;
#[cfg(feature = "hydrate")]
pub use browser::Erased;

/// Turns a view into one without a type, so that what contains it compiles to less.
pub trait Erase {
    /// Without its type. In the browser it can be hydrated and built, and nothing else: shown in place of another it is built anew, so
    /// what has focus or a state of its own belongs into a keyed `For`, not into a closure that makes it again.
    fn erase(self) -> Erased;
}

/// A text, or the value of an attribute, that changes: every one is of the same type.
pub fn text<T: Into<Cow<'static, str>>>(read: impl Fn() -> T + Send + 'static) -> Box<dyn FnMut() -> Cow<'static, str> + Send> {
    Box::new(move || read().into())
}

/// What is in a `<textarea>` at first. Leptos writes that into the page as it is, and text that looks like the end of the field would end it; a
/// browser leaves out a first line that is empty.
pub fn area(text: String) -> String {
    if !cfg!(feature = "ssr") {
        return text;
    }
    let first = if text.starts_with('\n') { "\n" } else { "" };
    format!("{first}{}", text.replace('&', "&amp;").replace('<', "&lt;"))
}

/// A part of a page that is made anew when it changes: every one is of the same type.
pub fn shown<V: IntoView + 'static>(make: impl Fn() -> V + Send + 'static) -> Box<dyn FnMut() -> Erased + Send> {
    Box::new(move || make().into_view().erase())
}

/// What isn't shown before `wanted` first says so, made by a part of the bundle that is fetched then.
pub fn later<F>(wanted: impl Fn() -> bool + Send + Sync + 'static, part: impl Fn() -> F + Send + 'static) -> Erased
where
    F: Future<Output = Erased> + Send + 'static,
{
    let was_wanted = Memo::new(move |was: Option<&bool>| was == Some(&true) || wanted());
    shown(move || was_wanted.get().then(|| Suspend::new(part()))).erase()
}

#[cfg(not(feature = "hydrate"))]
impl<V: RenderHtml> Erase for V {
    fn erase(self) -> Erased {
        self.into_any()
    }
}

/// What Leptos's `AnyView` does in the browser, without the code that each type would bring along for changing what is shown in place,
/// for hydrating asynchronously and for writing HTML.
#[cfg(feature = "hydrate")]
mod browser {
    use leptos::attr::Attribute;
    use leptos::attr::any_attribute::AnyAttribute;
    use leptos::prelude::*;
    use leptos::tachys::hydration::Cursor;
    use leptos::tachys::renderer::types::{Element, Node};
    use leptos::tachys::view::{Mountable, Position, PositionState};

    /// A view without its type.
    pub struct Erased(Box<dyn Part + Send>);

    trait Part {
        fn build(self: Box<Self>) -> Box<dyn Mountable>;
        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Box<dyn Mountable>;
    }

    impl<V: RenderHtml<State: 'static>> Part for V {
        fn build(self: Box<Self>) -> Box<dyn Mountable> {
            Box::new(Render::build(*self))
        }

        fn hydrate(self: Box<Self>, cursor: &Cursor, position: &PositionState) -> Box<dyn Mountable> {
            let shown = RenderHtml::hydrate::<true>(*self, cursor, position);
            if !V::EXISTS {
                // The server's `AnyView` marks where nothing is by a comment of its own.
                cursor.next_placeholder(position);
            }
            Box::new(shown)
        }
    }

    impl<V: RenderHtml<State: 'static> + 'static> super::Erase for V {
        fn erase(self) -> Erased {
            Erased(Box::new(self))
        }
    }

    /// What an [`Erased`] has put into the document.
    pub struct Shown(Box<dyn Mountable>);

    impl Mountable for Shown {
        fn unmount(&mut self) {
            self.0.unmount();
        }

        fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
            self.0.mount(parent, marker);
        }

        fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
            self.0.insert_before_this(child)
        }

        fn elements(&self) -> Vec<Element> {
            self.0.elements()
        }
    }

    impl Render for Erased {
        type State = Shown;

        fn build(self) -> Shown {
            Shown(self.0.build())
        }

        fn rebuild(self, state: &mut Shown) {
            let mut new = self.0.build();
            state.0.insert_before_this(&mut *new);
            state.0.unmount();
            state.0 = new;
        }
    }

    impl AddAnyAttr for Erased {
        type Output<SomeNewAttr: Attribute> = Self;

        /// Components here take no attributes from outside.
        fn add_any_attr<NewAttr: Attribute>(self, _: NewAttr) -> Self {
            self
        }
    }

    impl RenderHtml for Erased {
        type AsyncOutput = Self;
        type Owned = Self;

        const MIN_LENGTH: usize = 0;

        fn dry_resolve(&mut self) {}

        async fn resolve(self) -> Self {
            self
        }

        /// Only the server writes HTML, and there it is an `AnyView`.
        fn to_html_with_buf(self, _: &mut String, _: &mut Position, _: bool, _: bool, _: Vec<AnyAttribute>) {}

        fn hydrate<const FROM_SERVER: bool>(self, cursor: &Cursor, position: &PositionState) -> Shown {
            Shown(self.0.hydrate(cursor, position))
        }

        fn into_owned(self) -> Self {
            self
        }
    }
}
