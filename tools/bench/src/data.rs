//! Keys, values, and the book of what was written: which key holds which generation of its value.
//!
//! A value is computed from its key's number and its generation, so a read can be checked byte by byte without keeping the
//! values: bytes 0–3 the number, 4–7 the generation, then a stretch of a fixed pool that the two choose.
//! Invariant: a key's number modulo the number of threads says which thread writes it, so the book needs no lock.

use std::sync::atomic::{AtomicU32, Ordering};

/// A small generator of random numbers (SplitMix64), repeatable from its seed.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `n`, which is not zero.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Makes keys and values, and checks what was read.
pub struct Data {
    key_size: usize,
    value_size: usize,
    pool: Vec<u8>,
    /// The generation each key holds; 0 for none.
    book: Vec<AtomicU32>,
}

const POOL: usize = 1 << 20;

impl Data {
    pub fn new(keys: u32, key_size: usize, value_size: usize, seed: u64) -> Data {
        let mut random = Random::new(seed);
        // Every other run of 16 bytes repeats one letter: about half of it compresses away.
        let mut pool = Vec::with_capacity(POOL + value_size);
        while pool.len() < POOL + value_size {
            pool.extend_from_slice(&random.next().to_le_bytes());
            pool.extend_from_slice(&random.next().to_le_bytes());
            pool.extend_from_slice(&[b'a' + (random.below(26) as u8); 16]);
        }
        Data { key_size, value_size, pool, book: (0..keys).map(|_| AtomicU32::new(0)).collect() }
    }

    pub fn keys(&self) -> u64 {
        self.book.len() as u64
    }

    /// The key of `number`, into `out`: decimal digits with leading zeros.
    pub fn key(&self, number: u64, out: &mut Vec<u8>) {
        out.clear();
        out.resize(self.key_size, b'0');
        let mut rest = number;
        for digit in out.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
    }

    /// A key that is never stored and lies just behind that of `number`.
    pub fn missing_key(&self, number: u64, out: &mut Vec<u8>) {
        self.key(number, out);
        out.push(b'.');
    }

    /// The value that a put of `number` shall write now, into `out`. The book has it after [`Data::written`].
    pub fn next_value(&self, number: u64, out: &mut Vec<u8>) -> u32 {
        let generation = self.book[number as usize].load(Ordering::Relaxed).wrapping_add(1);
        self.value(number as u32, generation, out);
        generation
    }

    /// The put of this generation was acknowledged.
    pub fn written(&self, number: u64, generation: u32) {
        self.book[number as usize].store(generation, Ordering::Relaxed);
    }

    /// The database is new.
    pub fn forget(&self) {
        for generation in &self.book {
            generation.store(0, Ordering::Relaxed);
        }
    }

    /// How many keys hold a value.
    pub fn present(&self) -> u64 {
        self.book.iter().filter(|generation| generation.load(Ordering::Relaxed) != 0).count() as u64
    }

    fn value(&self, number: u32, generation: u32, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&generation.to_le_bytes());
        out.extend_from_slice(self.stretch(number, generation));
    }

    fn stretch(&self, number: u32, generation: u32) -> &[u8] {
        let start = (mix(u64::from(number) << 32 | u64::from(generation)) % POOL as u64) as usize;
        &self.pool[start..start + self.value_size - 8]
    }

    /// Whether `value` is what the key of `number` holds; `None` is a key that was not found.
    pub fn check(&self, number: u64, value: Option<&[u8]>) -> Result<(), String> {
        let generation = self.book[number as usize].load(Ordering::Relaxed);
        let Some(value) = value else {
            return if generation == 0 { Ok(()) } else { Err(format!("key {number} is lost")) };
        };
        if generation == 0 {
            return Err(format!("key {number} is there though it was never written"));
        }
        let (head, tail) = value.split_at_checked(8).ok_or_else(|| format!("key {number} has a short value"))?;
        let expected = [(number as u32).to_le_bytes(), generation.to_le_bytes()].concat();
        if head != expected || tail != self.stretch(number as u32, generation) {
            return Err(format!("key {number} has a wrong value"));
        }
        Ok(())
    }

    /// Checks an entry that a scan met, and returns the key's number.
    pub fn check_entry(&self, key: &[u8], value: &[u8]) -> Result<u64, String> {
        let mut number = 0u64;
        for digit in key {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10).ok_or("a key that is not a number")?;
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
        }
        if key.len() != self.key_size || number >= self.keys() {
            return Err(format!("key {number} was never written"));
        }
        self.check(number, Some(value)).map(|()| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_of_any_kind_is_noticed() {
        let data = Data::new(10, 16, 100, 1);
        let (mut value, mut key) = (Vec::new(), Vec::new());
        assert!(data.check(3, None).is_ok());
        let first = data.next_value(3, &mut value);
        assert!(data.check(3, Some(&value)).is_err(), "not written yet");
        data.written(3, first);
        assert!(data.check(3, Some(&value)).is_ok());
        assert!(data.check(3, None).is_err() && data.check(4, Some(&value)).is_err());
        data.key(3, &mut key);
        assert_eq!(key, b"0000000000000003");
        assert_eq!(data.check_entry(&key, &value), Ok(3));
        let stale = value.clone();
        let second = data.next_value(3, &mut value);
        data.written(3, second);
        assert!(data.check(3, Some(&stale)).is_err());
        value[50] ^= 1;
        assert!(data.check(3, Some(&value)).is_err());
        assert!(data.check(3, Some(&value[..5])).is_err());
        assert_eq!(data.present(), 1);
    }
}
