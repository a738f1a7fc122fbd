//! [`Names`]: directory entries, twice over: as processes see them, and as the medium is known to hold them.
//!
//! A creation, rename or removal changes what processes see at once, and waits in a list until its directory is synced. A
//! crash keeps any subset of that list: the rename of CURRENT may be there while the creation of the file it names is not. A
//! rename within one directory is there whole or not at all.
//!
//! Worked example: entries {A}, durable {A}. `rename A → B` and `create C` are pending. A crash may leave {A}, {B}, {A, C} or
//! {B, C}. After a sync of the directory, only {B, C}. Thread rule: plain data; the disk's lock protects it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use crate::util::sync::Arc;

/// The number of a file's content, whatever its names.
pub(super) type Inode = u64;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    File(Inode),
    Directory,
}

/// One unsynced change: names and what they stand for from here on. More than one for a rename.
#[derive(Clone, Debug)]
struct Change {
    parts: Vec<(Arc<Path>, Option<Node>)>,
}

type Entries = BTreeMap<Arc<Path>, Node>;

/// The directory entries of a disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    entries: Entries,
    durable: Entries,
    /// Unsynced changes, oldest first.
    pending: Vec<Change>,
}

/// `path` without `.` components, so that `./db` and `db` are one.
pub(super) fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

fn is_in(path: &Path, dir: &Path) -> bool {
    path.parent() == Some(dir)
}

fn is_root(path: &Path) -> bool {
    path.parent().is_none() || path.as_os_str().is_empty()
}

fn is_directory(entries: &Entries, path: &Path) -> bool {
    is_root(path) || entries.get(path) == Some(&Node::Directory)
}

impl Names {
    pub(super) fn get(&self, path: &Path) -> Option<Node> {
        if is_root(path) { Some(Node::Directory) } else { self.entries.get(path).copied() }
    }

    pub(super) fn is_directory(&self, path: &Path) -> bool {
        is_directory(&self.entries, path)
    }

    pub(super) fn list(&self, dir: &Path) -> Vec<OsString> {
        let inside = self.entries.keys().filter(|path| is_in(path, dir));
        inside.filter_map(|path| path.file_name().map(OsString::from)).collect()
    }

    /// Every name and what it stands for, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Path, Node)> {
        self.entries.iter().map(|(path, node)| (&**path, *node))
    }

    pub(super) fn link(&mut self, path: &Path, node: Node) {
        self.change(vec![(Arc::from(path), Some(node))]);
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        self.change(vec![(Arc::from(path), None)]);
    }

    /// Gives what `from` stands for the name `to`.
    pub(super) fn rename(&mut self, from: &Path, to: &Path, node: Node) {
        if from != to {
            self.change(vec![(Arc::from(from), None), (Arc::from(to), Some(node))]);
        }
    }

    fn change(&mut self, parts: Vec<(Arc<Path>, Option<Node>)>) {
        apply(&mut self.entries, &parts);
        self.pending.push(Change { parts });
    }

    /// Makes the entries of `dir` durable. A rename from or to another directory stays pending there.
    pub(super) fn sync_dir(&mut self, dir: &Path) {
        self.durable.retain(|path, _| !is_in(path, dir));
        let now = self.entries.iter().filter(|(path, _)| is_in(path, dir));
        self.durable.extend(now.map(|(path, node)| (Arc::clone(path), *node)));
        for change in &mut self.pending {
            change.parts.retain(|(path, _)| !is_in(path, dir));
        }
        self.pending.retain(|change| !change.parts.is_empty());
    }

    /// Files that processes can reach by name.
    pub(super) fn linked(&self) -> impl Iterator<Item = Inode> {
        files(self.entries.values())
    }

    /// Files that may have a name after a crash, or have one now.
    pub(super) fn reachable(&self) -> BTreeSet<Inode> {
        let pending = self.pending.iter().flat_map(|change| &change.parts).filter_map(|(_, node)| node.as_ref());
        files(self.entries.values().chain(self.durable.values()).chain(pending)).collect()
    }

    pub(super) fn is_clean(&self) -> bool {
        self.pending.is_empty()
    }

    /// What the medium holds after a crash that kept the pending changes for which `keep` says so.
    pub(super) fn after_crash(&self, mut keep: impl FnMut() -> bool) -> Names {
        let mut entries = self.durable.clone();
        for change in &self.pending {
            if keep() {
                apply(&mut entries, &change.parts);
            }
        }
        // What lay in a directory that is gone is gone with it. Parents sort before what is in them.
        let mut rooted = Entries::new();
        for (path, node) in entries {
            if path.parent().is_some_and(|parent| is_directory(&rooted, parent)) {
                rooted.insert(path, node);
            }
        }
        Names { durable: rooted.clone(), entries: rooted, pending: Vec::new() }
    }
}

fn apply(entries: &mut Entries, parts: &[(Arc<Path>, Option<Node>)]) {
    for (path, node) in parts {
        match node {
            Some(node) => entries.insert(Arc::clone(path), *node),
            None => entries.remove(path),
        };
    }
}

fn files<'a>(nodes: impl Iterator<Item = &'a Node>) -> impl Iterator<Item = Inode> {
    nodes.filter_map(|node| match node {
        Node::File(inode) => Some(*inode),
        Node::Directory => None,
    })
}
