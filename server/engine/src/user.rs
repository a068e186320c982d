//! Users of the system other than Pilothouse's own: finding them, looking at files as one of them, and running programs as one.
//!
//! Only root changes users here. With capabilities alone every service would have to be kept from inheriting them.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use api::{Error, Result, is_user_name};
use rustix::process::{Gid, Uid, chdir, geteuid, setsid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

/// Where users are written down. Those that only a directory service knows aren't found.
const USERS: &str = "/etc/passwd";
/// Where their groups are.
const GROUPS: &str = "/etc/group";
/// As an id it means "leave it as it is".
const NO_ID: u32 = u32::MAX;

/// A user that services can run as: neither root nor the one that Pilothouse runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemUser {
    /// Its name.
    pub name: String,
    /// Its id; never 0.
    pub uid: u32,
    /// Its main group.
    pub gid: u32,
    /// All its groups, the main one first.
    pub groups: Vec<u32>,
    /// Its home; it need not be there.
    pub home: PathBuf,
    /// Its shell, which is only told to what runs.
    pub shell: String,
}

/// Whether Pilothouse may run services as other users; why not and what to do.
pub fn may_change() -> std::result::Result<(), String> {
    let own = geteuid();
    if !own.is_root() {
        let own = name_of(own.as_raw());
        return Err(format!(
            "Pilothouse runs as the user {own}, and only root may run services as other users: run Pilothouse as root, or leave it out"
        ));
    }
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID;
    if !capabilities(None).is_ok_and(|sets| sets.effective.contains(needed)) {
        return Err("Pilothouse runs as root without the capabilities CAP_SETUID and CAP_SETGID, which running services as other users \
                    takes: give it those, or leave it out"
            .into());
    }
    Ok(())
}

/// Why a service isn't started that shall run as the user `name`.
pub fn not_as(name: &str, why: &str) -> String {
    format!("it can't be run as the user '{name}': {why}")
}

/// Fails with `validation_failed` when one of the configured names can't be had, saying why: also when it is of who could put something
/// else in the place of one of `folders`, which are Pilothouse's own.
pub fn check_configured<'a>(names: &[String], folders: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let folders: Vec<_> = folders.into_iter().filter_map(|folder| std::path::absolute(folder).ok()).collect();
    let folders: Vec<_> = folders.iter().flat_map(|folder| [folder.canonicalize().ok(), Some(folder.clone())]).flatten().collect();
    names.iter().try_for_each(|name| {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
        let wrong = |why| Error::invalid("service_users", format!("service_users names '{shown}', which services can't run as: {why}"));
        let user = SystemUser::choose(name).map_err(wrong)?;
        let is_theirs = |path: &&Path| std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.uid() == user.uid);
        match folders.iter().flat_map(|folder| folder.ancestors()).find(is_theirs) {
            None => Ok(()),
            Some(path) => Err(wrong(format!(
                "it owns {}, and so could change what Pilothouse keeps or runs as root: give that folder to root (chown)",
                path.display()
            ))),
        }
    })
}

impl SystemUser {
    /// The user `name` for services to run as. Fails with why that can't be.
    pub fn choose(name: &str) -> std::result::Result<Self, String> {
        if !is_user_name(name) {
            return Err("the name of a user has 1 to 32 of a-z A-Z 0-9 . _ - and starts with a letter or '_'".into());
        }
        may_change()?;
        let read = |file: &str| std::fs::read_to_string(file).map_err(|error| format!("{file} can't be read: {error}"));
        let user = find(name, &read(USERS)?, &read(GROUPS).unwrap_or_default());
        let user = user.ok_or_else(|| format!("the user '{name}' isn't in {USERS}; make it, or name another one"))?;
        if user.uid == 0 {
            return Err(format!("'{name}' is root: to run it as the user of Pilothouse, leave it out"));
        }
        if user.uid == geteuid().as_raw() {
            return Err(format!("Pilothouse itself runs as '{name}'; leave it out"));
        }
        Ok(user)
    }

    /// Does `work` on files with the rights of this user and no others, on a thread of its own: what it couldn't open or enter isn't opened
    /// or entered, whatever links lead there.
    ///
    /// # Errors
    /// When the rights can't be changed.
    pub fn act<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        std::thread::scope(|scope| {
            let acting = scope.spawn(|| {
                set_thread_groups(&self.group_ids())?;
                set_thread_res_gid(None, Gid::from_raw(self.gid), None)?;
                // The real and saved ids stay: so the user can't send signals to this thread, which would meet all of Pilothouse.
                set_thread_res_uid(None, Uid::from_raw(self.uid), None)?;
                if !capabilities(None)?.effective.is_empty() {
                    return Err(io::Error::other("the kernel leaves the rights of root to it"));
                }
                Ok(work())
            });
            acting.join().unwrap_or_else(|_| Err(io::Error::other("it was ended by an error of its own")))
        })
    }

    /// Lets `command` be run as this user in `folder`, which is entered as this user too; without a way to gain other rights. With `is_apart` it
    /// leads a session of its own, and so can't type on the terminal of who has started Pilothouse; it must not lead a group then.
    #[expect(unsafe_code, reason = "between fork and exec there is no other place")]
    pub fn take_on(&self, command: &mut Command, folder: &Path, is_apart: bool) -> io::Result<()> {
        let folder = CString::new(folder.as_os_str().as_bytes())?;
        let (groups, gid, uid) = (self.group_ids(), Gid::from_raw(self.gid), Uid::from_raw(self.uid));
        let nothing = CapabilitySet::empty();
        let nothing = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
        let become_it = move || {
            if is_apart {
                setsid()?;
            }
            set_thread_groups(&groups)?;
            set_thread_res_gid(gid, gid, gid)?;
            set_thread_res_uid(uid, uid, uid)?;
            set_capabilities(None, nothing)?;
            // There is no way back.
            if set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok() {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            set_no_new_privs(true)?;
            Ok(chdir(&*folder)?)
        };
        // SAFETY: after the fork only system calls are made: nothing is allocated, no lock is taken.
        unsafe { command.pre_exec(become_it) };
        Ok(())
    }

    /// Why it can't begin in `folder`, in words; none when nothing is seen in its way.
    pub fn hindrance(&self, folder: &Path) -> Option<String> {
        let (name, shown) = (&self.name, folder.display());
        // Looking for the dot takes the right to enter.
        match self.act(|| std::fs::metadata(folder.join(".")).is_ok()) {
            Ok(true) => None,
            Ok(false) => Some(format!(
                "the user '{name}' may not enter the folder {shown}; give it the right to (chmod o+x, chown), from the first folder of its path on"
            )),
            Err(error) => Some(not_as(name, &error.to_string())),
        }
    }

    fn group_ids(&self) -> Vec<Gid> {
        self.groups.iter().map(|gid| Gid::from_raw(*gid)).collect()
    }
}

/// The user of an id for people: its name where there is one.
fn name_of(uid: u32) -> String {
    let users = std::fs::read_to_string(USERS).unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| format!("'{name}'"))
    });
    found.unwrap_or_else(|| format!("with the id {uid}"))
}

/// The user of a file like `/etc/passwd`, the first of that name, with the groups of one like `/etc/group`.
fn find(name: &str, users: &str, groups: &str) -> Option<SystemUser> {
    let id = |text: &str| text.parse().ok().filter(|id: &u32| *id != NO_ID);
    let user = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.first() == Some(&name))?;
    let [_, _, uid, gid, _, home, shell] = user[..] else { return None };
    let (uid, gid) = (id(uid)?, id(gid)?);
    let member = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let [_, _, gid, members] = fields[..] else { return None };
        members.split(',').any(|member| member.trim() == name).then(|| id(gid)).flatten()
    };
    let mut all = vec![gid];
    for group in groups.lines().filter_map(member) {
        if !all.contains(&group) {
            all.push(group);
        }
    }
    let shell = if shell.is_empty() { "/bin/sh" } else { shell };
    Some(SystemUser { name: name.into(), uid, gid, groups: all, home: home.into(), shell: shell.into() })
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
