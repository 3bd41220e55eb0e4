//! Sets of small numbers as bits, for conditions on many nodes at once.

/// The number of bits in a word.
const WORD: usize = u64::BITS as usize;

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(crate) fn insert(&mut self, member: usize) {
        if member / WORD >= self.words.len() {
            self.words.resize(member / WORD + 1, 0);
        }
        self.words[member / WORD] |= 1 << (member % WORD);
    }

    pub(crate) fn remove(&mut self, member: usize) {
        if let Some(word) = self.words.get_mut(member / WORD) {
            *word &= !(1 << (member % WORD));
        }
    }

    pub(crate) fn contains(&self, member: usize) -> bool {
        self.words.get(member / WORD).is_some_and(|word| word & (1 << (member % WORD)) != 0)
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    /// Removes all members of another set.
    pub(crate) fn remove_all(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= !other);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The smallest member from `start` on that is in none of the other sets.
    pub(crate) fn first_outside(&self, others: [&Self; 2], start: usize) -> Option<usize> {
        let mut mask = u64::MAX << (start % WORD);
        for (index, &word) in self.words.iter().enumerate().skip(start / WORD) {
            if word & mask != 0 {
                let outside = others.iter().fold(word & mask, |word, other| {
                    word & !other.words.get(index).copied().unwrap_or(0)
                });
                if outside != 0 {
                    return Some(index * WORD + outside.trailing_zeros() as usize);
                }
            }
            mask = u64::MAX;
        }
        None
    }

    /// How many members are in another set too.
    pub(crate) fn common(&self, other: &Self) -> usize {
        let pairs = self.words.iter().zip(&other.words);
        pairs.map(|(word, other)| (word & other).count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests;
