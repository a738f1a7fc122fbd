//! A seeded generator of numbers and of keys that are likely to meet the engine's boundaries.

/// The environment's variable `name` as a number.
pub fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seed that `ESKER_SEED` asks for, as the long tier does; `default` in the quick tier.
pub fn seed_or(default: u64) -> u64 {
    number("ESKER_SEED").unwrap_or(default)
}

/// SplitMix64: small, good enough, the same everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// A key from a small space: mostly numbered ones that share long prefixes, sometimes the odd ones that break engines.
    pub fn key(&mut self) -> Vec<u8> {
        const ODD: &[&[u8]] = &[
            b"",
            b"\0",
            b"\0\0",
            b"\xff",
            b"\xff\xff",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"k",
            b"key",
            b"key0",
            b"kez",
        ];
        match self.below(10) {
            0 => self.pick(ODD).to_vec(),
            1 | 2 => format!("key{:04}", self.below(60)).into_bytes(),
            3 => format!("key0{:03}\0", self.below(20)).into_bytes(),
            4 => format!("user/profile/{:03}/name", self.below(40)).into_bytes(),
            5 => vec![b'a'; 1 + self.below(30)],
            _ => format!("key{:06}", self.below(150)).into_bytes(),
        }
    }

    /// A value that tells who wrote it; sometimes empty, sometimes larger than a block or a memtable.
    pub fn value(&mut self, tag: u64) -> Vec<u8> {
        let mut value = format!("v{tag}:").into_bytes();
        let len = match self.below(40) {
            0 => return Vec::new(),
            1 => 3_000 + self.below(3_000),
            2..8 => 100 + self.below(200),
            _ => self.below(24),
        };
        value.extend((0..len).map(|i| (tag as usize + i * 7) as u8));
        value
    }
}
