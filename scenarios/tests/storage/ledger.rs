//! A ledger of everything that was done to a disk, from which every state follows that a crash can leave.
//!
//! It is a second model of a disk, made for enumeration: each operation, in order, with the syncs that make it durable.

use std::collections::BTreeMap;

use whitewater_kv::storage::{Disk, Ticket, Unreadable};

use crate::media::{Image, Medium};

/// One operation.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Create { name: String, file: usize },
    Write { file: usize, offset: usize, bytes: Vec<u8> },
    Rename { from: String, to: String, file: usize },
    Remove { name: String, file: usize },
}

/// What a crash does to an operation that is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survives {
    Wholly,
    /// Of a write, the bytes before this one.
    Bytes(usize),
    /// Of a write, all but the sector with this number.
    ButSector(usize),
    NotAtAll,
}

#[derive(Clone, Copy, Debug)]
enum Covers {
    File(usize),
    Directory,
}

/// A disk that is written down.
pub(crate) struct Ledger<M> {
    medium: M,
    pub(crate) operations: Vec<(Operation, bool)>,
    names: BTreeMap<String, usize>,
    files: usize,
    /// Syncs under way: what they cover, and how many of the operations.
    syncs: Vec<(Ticket, Covers, usize)>,
}

const SECTOR: usize = 512;

impl<M: Medium> Ledger<M> {
    pub(crate) fn new(image: &Image) -> Ledger<M> {
        Ledger::over(M::holding(image), image)
    }

    /// Of a medium that holds this.
    pub(crate) fn over(medium: M, image: &Image) -> Ledger<M> {
        let mut operations = Vec::new();
        let mut names = BTreeMap::new();
        for (file, (name, bytes)) in image.iter().enumerate() {
            operations.push((Operation::Create { name: name.clone(), file }, true));
            operations.push((Operation::Write { file, offset: 0, bytes: bytes.clone() }, true));
            names.insert(name.clone(), file);
        }
        Ledger { medium, operations, names, files: image.len(), syncs: Vec::new() }
    }

    /// The syncs under way.
    pub(crate) fn under_way(&self) -> Vec<Ticket> {
        self.syncs.iter().map(|(ticket, ..)| *ticket).collect()
    }

    /// A sync is done.
    pub(crate) fn complete(&mut self, ticket: Ticket) {
        let position = self.syncs.iter().position(|(other, ..)| *other == ticket).expect("the sync is under way");
        let (_, covers, end) = self.syncs.remove(position);
        for (operation, is_durable) in &mut self.operations[..end] {
            *is_durable |= match (covers, &*operation) {
                (Covers::File(synced), Operation::Write { file, .. }) => synced == *file,
                (Covers::Directory, Operation::Write { .. }) | (Covers::File(_), _) => false,
                (Covers::Directory, _) => true,
            };
        }
        self.medium.complete(ticket);
    }

    /// The operations that a crash may undo, by number.
    pub(crate) fn volatile(&self) -> Vec<usize> {
        let numbered = self.operations.iter().enumerate();
        numbered.filter(|(_, (_, is_durable))| !is_durable).map(|(number, _)| number).collect()
    }

    /// What a crash leaves that does this to the operations that are not durable.
    pub(crate) fn image(&self, survives: impl Fn(usize) -> Survives) -> Image {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut files: Vec<Vec<u8>> = vec![Vec::new(); self.files];
        for (number, (operation, is_durable)) in self.operations.iter().enumerate() {
            let survives = if *is_durable { Survives::Wholly } else { survives(number) };
            match operation {
                _ if survives == Survives::NotAtAll => {}
                Operation::Create { name, file } => {
                    names.insert(name, *file);
                }
                Operation::Rename { from, to, file } => {
                    if names.get(from.as_str()) == Some(file) {
                        names.remove(from.as_str());
                    }
                    names.insert(to, *file);
                }
                Operation::Remove { name, file } => {
                    if names.get(name.as_str()) == Some(file) {
                        names.remove(name.as_str());
                    }
                }
                Operation::Write { file, offset, bytes } => {
                    let content = &mut files[*file];
                    for (at, byte) in (*offset..).zip(bytes) {
                        let is_kept = match survives {
                            Survives::Wholly => true,
                            Survives::Bytes(kept) => at - offset < kept,
                            Survives::ButSector(lost) => at / SECTOR != lost,
                            Survives::NotAtAll => false,
                        };
                        if is_kept {
                            content.resize(content.len().max(at + 1), 0);
                            content[at] = *byte;
                        }
                    }
                }
            }
        }
        names.into_iter().map(|(name, file)| (name.to_owned(), files[file].clone())).collect()
    }

    /// The states that a crash can leave now: all of the subsets of what is not durable, if there are few; with the last
    /// write torn at each byte, and without each of its sectors.
    pub(crate) fn crashes(&self) -> Vec<Image> {
        let volatile = self.volatile();
        let kept = |mask: u64, number: usize| {
            let place = volatile.iter().position(|other| *other == number).expect("it is volatile");
            place >= 63 || mask >> place & 1 == 1
        };
        let whole = |kept: bool| if kept { Survives::Wholly } else { Survives::NotAtAll };
        let few = volatile.len().min(7);
        let mut masks: Vec<u64> = (0..1 << few).collect();
        masks.extend((few..volatile.len().min(63)).map(|count| (1 << (count + 1)) - 1));
        let mut images: Vec<Image> = masks.iter().map(|mask| self.image(|number| whole(kept(*mask, number)))).collect();
        let mut tears = Vec::new();
        for number in volatile.iter().copied() {
            let Operation::Write { offset, bytes, .. } = &self.operations[number].0 else { continue };
            tears.extend((0..bytes.len()).map(|cut| (number, Survives::Bytes(cut))));
            let sectors = offset / SECTOR..=(offset + bytes.len()) / SECTOR;
            tears.extend(sectors.map(|sector| (number, Survives::ButSector(sector))));
        }
        for (torn, how) in tears {
            images.push(self.image(|number| if number == torn { how } else { whole(true) }));
        }
        images
    }
}

impl<M: Medium> Disk for Ledger<M> {
    fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable> {
        self.medium.read(file)
    }

    fn list(&mut self) -> Vec<String> {
        self.medium.list()
    }

    fn write(&mut self, file: &str, offset: usize, bytes: &[u8]) {
        let id = match self.names.get(file) {
            Some(id) => *id,
            None => {
                let id = self.files;
                self.files += 1;
                self.names.insert(file.to_owned(), id);
                self.operations.push((Operation::Create { name: file.to_owned(), file: id }, false));
                id
            }
        };
        self.operations.push((Operation::Write { file: id, offset, bytes: bytes.to_vec() }, false));
        self.medium.write(file, offset, bytes);
    }

    fn rename(&mut self, from: &str, to: &str) {
        let file = self.names.remove(from).expect("what is renamed is there");
        self.names.insert(to.to_owned(), file);
        self.operations.push((Operation::Rename { from: from.to_owned(), to: to.to_owned(), file }, false));
        self.medium.rename(from, to);
    }

    fn remove(&mut self, file: &str) {
        if let Some(id) = self.names.remove(file) {
            self.operations.push((Operation::Remove { name: file.to_owned(), file: id }, false));
        }
        self.medium.remove(file);
    }

    fn sync(&mut self, file: &str) -> Ticket {
        let ticket = self.medium.sync(file);
        self.syncs.push((ticket, Covers::File(self.names[file]), self.operations.len()));
        ticket
    }

    fn sync_directory(&mut self) -> Ticket {
        let ticket = self.medium.sync_directory();
        self.syncs.push((ticket, Covers::Directory, self.operations.len()));
        ticket
    }
}
