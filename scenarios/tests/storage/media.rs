//! The media that the tests run on: the simulated disk, and files in a temporary directory.

use std::collections::BTreeMap;

use whitewater_kv::storage::{Disk, Ticket, Unreadable};
use whitewater_sim::Latency;
use whitewater_sim::disk::{CrashKeeps, DiskProfile, Losses};
use whitewater_sim::rng::RunKey;

/// What a disk holds: bytes by name.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// A kind of disk.
pub(crate) trait Medium: Disk {
    /// A disk that holds this, durably.
    fn holding(image: &Image) -> Self;

    /// A sync is done.
    fn complete(&mut self, ticket: Ticket);

    /// What it holds.
    fn image(&mut self) -> Image {
        let names = self.list();
        names.into_iter().map(|name| (name.clone(), self.read(&name).expect("nothing fails"))).collect()
    }
}

/// The simulator's disk.
pub(crate) struct Simulated(pub(crate) whitewater_sim::disk::Disk);

impl Simulated {
    pub(crate) fn empty(seed: u64, crash_keeps: CrashKeeps) -> Simulated {
        let profile = DiskProfile { sync: Latency::constant(1), crash_keeps, losses: Losses::Survived };
        Simulated(whitewater_sim::disk::Disk::new(profile, &RunKey::new(seed), 0))
    }
}

impl Medium for Simulated {
    fn holding(image: &Image) -> Simulated {
        let mut disk = Simulated::empty(1, CrashKeeps::Nothing);
        for (name, bytes) in image {
            disk.write(name, 0, bytes);
            let ticket = disk.sync(name);
            disk.complete(ticket);
        }
        let ticket = disk.sync_directory();
        disk.complete(ticket);
        disk
    }

    fn complete(&mut self, Ticket(sync): Ticket) {
        self.0.complete(whitewater_sim::disk::SyncId(sync));
    }
}

impl Disk for Simulated {
    fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable> {
        self.0.try_read(file).map_err(|_| Unreadable)
    }

    fn list(&mut self) -> Vec<String> {
        self.0.list()
    }

    fn write(&mut self, file: &str, offset: usize, bytes: &[u8]) {
        self.0.write(file, offset, bytes);
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.0.rename(from, to);
    }

    fn remove(&mut self, file: &str) {
        self.0.remove(file);
    }

    fn sync(&mut self, file: &str) -> Ticket {
        Ticket(self.0.sync(file).0.0)
    }

    fn sync_directory(&mut self) -> Ticket {
        Ticket(self.0.sync_directory().0.0)
    }
}

pub(crate) use files::Files;

mod files {
    #![expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "the same storage has to work on files of the operating system"
    )]

    use std::fs::{self, File, OpenOptions};
    use std::io::{Seek, SeekFrom, Write};
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Disk, Image, Medium, Ticket, Unreadable};

    /// Files in a directory of their own, which goes away with it. Syncs are done when they are asked for, and reported
    /// later.
    pub(crate) struct Files {
        directory: PathBuf,
        tickets: u64,
    }

    static DIRECTORIES: AtomicU64 = AtomicU64::new(0);

    impl Medium for Files {
        fn holding(image: &Image) -> Files {
            let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
            let name = format!("storage-{}-{number}", std::process::id());
            let mut files = Files::at(&PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
            for (name, bytes) in image {
                files.write(name, 0, bytes);
            }
            files
        }

        fn complete(&mut self, _: Ticket) {}
    }

    impl Files {
        /// What is in this directory.
        pub(crate) fn at(directory: &Path) -> Files {
            fs::create_dir_all(directory).expect("a temporary directory can be made");
            Files { directory: directory.to_owned(), tickets: 0 }
        }

        fn ticket(&mut self) -> Ticket {
            self.tickets += 1;
            Ticket(self.tickets)
        }
    }

    impl Disk for Files {
        fn read(&mut self, file: &str) -> Result<Vec<u8>, Unreadable> {
            match fs::read(self.directory.join(file)) {
                Ok(bytes) => Ok(bytes),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => panic!("{file} cannot be read: {error}"),
            }
        }

        fn list(&mut self) -> Vec<String> {
            let entries = fs::read_dir(&self.directory).expect("the directory can be read");
            let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry can be read").file_name();
            let mut names: Vec<String> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }

        fn write(&mut self, file: &str, offset: usize, bytes: &[u8]) {
            let path = self.directory.join(file);
            let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
            let mut file = opened.expect("a file can be opened");
            file.seek(SeekFrom::Start(offset as u64)).expect("a file can be sought in");
            file.write_all(bytes).expect("a file can be written");
        }

        fn rename(&mut self, from: &str, to: &str) {
            fs::rename(self.directory.join(from), self.directory.join(to)).expect("a file can be renamed");
        }

        fn remove(&mut self, file: &str) {
            match fs::remove_file(self.directory.join(file)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => panic!("{file} cannot be removed: {error}"),
            }
        }

        fn sync(&mut self, file: &str) -> Ticket {
            let file = File::open(self.directory.join(file)).expect("a file can be opened");
            file.sync_data().expect("a file can be synced");
            self.ticket()
        }

        fn sync_directory(&mut self) -> Ticket {
            #[cfg(unix)]
            File::open(&self.directory).and_then(|file| file.sync_all()).expect("a directory can be synced");
            self.ticket()
        }
    }

    impl Drop for Files {
        fn drop(&mut self) {
            // What cannot be removed lies in the build's own temporary directory.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}
