//! Dense numbering: values in a vector, found again by a typed index.

use std::marker::PhantomData;

/// An index that is handed out by an [`Arena`].
pub(crate) trait Id: Copy {
    /// The id at this place.
    fn at(index: u32) -> Self;
    /// The place of this id.
    fn index(self) -> usize;
}

/// Declares a `u32` index type.
macro_rules! id {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(u32);

        impl $crate::arena::Id for $name {
            fn at(index: u32) -> Self {
                Self(index)
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

pub(crate) use id;

/// Values with dense indices; the places of removed values are used again.
#[derive(Clone, Debug)]
pub(crate) struct Arena<I, T> {
    places: Vec<Option<T>>,
    vacant: Vec<u32>,
    id: PhantomData<I>,
}

impl<I: Id, T> Default for Arena<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Id, T> Arena<I, T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), vacant: Vec::new(), id: PhantomData }
    }

    pub(crate) fn insert(&mut self, value: T) -> I {
        if let Some(index) = self.vacant.pop() {
            self.places[index as usize] = Some(value);
            return I::at(index);
        }
        self.places.push(Some(value));
        I::at(u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX))
    }

    pub(crate) fn remove(&mut self, id: I) -> Option<T> {
        let value = self.places.get_mut(id.index())?.take()?;
        self.vacant.push(u32::try_from(id.index()).unwrap_or(u32::MAX));
        Some(value)
    }

    pub(crate) fn get(&self, id: I) -> Option<&T> {
        self.places.get(id.index())?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.places.get_mut(id.index())?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (I, &T)> {
        (0..).zip(&self.places).filter_map(|(index, value)| Some((I::at(index), value.as_ref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().flatten()
    }

    /// One more than the largest index in use so far.
    pub(crate) fn bound(&self) -> usize {
        self.places.len()
    }
}
