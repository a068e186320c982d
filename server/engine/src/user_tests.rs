use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rustix::process::{geteuid, getuid};

use super::{SystemUser, check_configured, find, may_change};

const USERS: &str = "root:x:0:0:root:/root:/bin/bash\nsvc:x:1200:1201:a, b:/home/svc:\nsvc:x:0:0::/:\nhalf:x:7\n\
                     none:x:4294967295:1:::\nminus:x:-1:1:::\nnogroup:x:5:4294967295:::\ntoor:x:0:0::/root:/bin/sh\n";
const GROUPS: &str =
    "root:x:0:\nsvc:x:1201:svc\nweb:x:33:www-data,svc\nother:x:34:svcx\nodd:x:4294967295:svc\nbroken:svc\nshop:x:1300: svc\n";

#[test]
fn a_user_is_found_with_its_groups_and_what_is_no_user_is_not() {
    let user = find("svc", USERS, GROUPS).expect("it is there");
    assert_eq!((user.uid, user.gid, &user.groups[..]), (1200, 1201, &[1201, 33, 1300][..]), "the first of that name counts");
    assert_eq!((user.home.as_path(), user.shell.as_str()), (Path::new("/home/svc"), "/bin/sh"));
    for name in ["half", "none", "minus", "nogroup", "nobody-here", ""] {
        assert_eq!(find(name, USERS, GROUPS), None, "{name}");
    }
}

#[test]
fn root_its_second_name_pilothouse_itself_and_odd_names_are_refused_with_why() {
    let why = |name: &str| SystemUser::choose(name).expect_err("it is refused");
    assert!(why("-u").contains("the name of a user") && why("root\n").contains("the name of a user"));
    if !geteuid().is_root() {
        assert!(why("daemon").contains("run Pilothouse as root") && may_change().is_err());
        assert!(check_configured(&["daemon".into()], []).expect_err("it can't be had").message.contains("run Pilothouse as root"));
        return;
    }
    assert!(why("root").contains("is root"), "{}", why("root"));
    assert!(why("surely-not-there").contains("isn't in /etc/passwd"));
    assert!(may_change().is_ok() && SystemUser::choose("daemon").is_ok() && check_configured(&["daemon".into()], []).is_ok());
    let wrong = check_configured(&["daemon".into(), "root".into()], []).expect_err("root is never allowed");
    assert!(wrong.message.starts_with("service_users names 'root'"), "{wrong}");
    let folder = tempfile::tempdir().expect("a folder");
    let services = folder.path().join("theirs/services");
    std::fs::create_dir_all(&services).expect("folders");
    assert!(check_configured(&["daemon".into()], [services.as_path()]).is_ok());
    let daemon = SystemUser::choose("daemon").expect("it is there");
    std::os::unix::fs::chown(folder.path().join("theirs"), Some(daemon.uid), None).expect("it is the user's");
    let wrong = check_configured(&["daemon".into()], [services.as_path()]).expect_err("it could put another folder there");
    assert!(wrong.message.contains("theirs, and so could change what Pilothouse keeps or runs as root"), "{wrong}");
}

#[test]
fn work_is_done_with_the_rights_of_the_user_and_of_nobody_else() {
    let Ok(user) = SystemUser::choose("daemon") else {
        assert!(!geteuid().is_root(), "root may change users");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
    let (secret, link, own) = (folder.path().join("secret"), folder.path().join("link"), folder.path().join("own"));
    std::fs::write(&secret, "x").expect("a file");
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("a mode");
    symlink(&secret, &link).expect("a link");
    std::fs::create_dir(&own).expect("a folder");
    std::os::unix::fs::chown(&own, Some(user.uid), Some(user.gid)).expect("it is the user's");
    let [direct, by_link, made] = user
        .act(|| [std::fs::read(&secret).is_ok(), std::fs::read(&link).is_ok(), std::fs::write(own.join("file"), "y").is_ok()])
        .expect("it acts");
    assert_eq!([direct, by_link, made], [false, false, true]);
    assert!(geteuid().is_root() && getuid().is_root() && std::fs::read(&link).is_ok(), "nothing has changed for others");
    assert_eq!(user.hindrance(folder.path()), None);
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).expect("a mode");
    assert!(user.hindrance(&own).is_some_and(|why| why.contains("may not enter the folder")));
}
