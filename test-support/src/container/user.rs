//! The user a container runs as.

use std::fs;
use std::path::Path;

/// Numbers, and the home directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
}

/// What `name`, `uid`, `name:group` or `uid:gid` means in the image; the error is in the runtime's
/// words. A number need not be known: its group is then 0 and its home "/".
pub(super) fn find(tree: &Path, user: &str) -> Result<User, String> {
    let (name, group) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (user, None),
    };
    let users = fs::read_to_string(tree.join("etc/passwd")).unwrap_or_default();
    // passwd(5): name, password, uid, gid, comment, home, shell.
    let known = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|fields| {
        let &[its_name, _, uid, gid, _, home, ..] = fields.as_slice() else { return None };
        let found = User { uid: uid.parse().ok()?, gid: gid.parse().ok()?, home: home.to_owned() };
        (its_name == name || uid == name).then_some(found)
    });
    let number = name.parse().ok().map(|uid| User { uid, gid: 0, home: "/".to_owned() });
    let mut user = known
        .or(number)
        .ok_or_else(|| format!("unable to find user {name}: no matching entries in passwd file"))?;
    if let Some(group) = group {
        user.gid = find_group(tree, group)?;
    }
    Ok(user)
}

fn find_group(tree: &Path, name: &str) -> Result<u32, String> {
    let groups = fs::read_to_string(tree.join("etc/group")).unwrap_or_default();
    // group(5): name, password, gid, members.
    let known = groups.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|fields| {
        let &[its_name, _, gid, ..] = fields.as_slice() else { return None };
        (its_name == name).then(|| gid.parse().ok())?
    });
    known
        .or_else(|| name.parse().ok())
        .ok_or_else(|| format!("unable to find group {name}: no matching entries in group file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_in_the_image() {
        let tree = tempfile::tempdir().unwrap();
        let is = |user: &str, uid, gid, home: &str| {
            let wanted = User { uid, gid, home: home.to_owned() };
            assert_eq!(find(tree.path(), user), Ok(wanted), "{user}");
        };
        is("0", 0, 0, "/");
        is("1000:7", 1000, 7, "/");
        assert!(find(tree.path(), "ci").unwrap_err().contains("user ci"));

        fs::create_dir(tree.path().join("etc")).unwrap();
        let users = "root:x:0:0:root:/root:/bin/sh\nci:x:1000:1001::/home/ci:/bin/sh\n";
        fs::write(tree.path().join("etc/passwd"), users).unwrap();
        fs::write(tree.path().join("etc/group"), "root:x:0:\ndocker:x:999:ci\n").unwrap();
        is("0", 0, 0, "/root");
        is("ci", 1000, 1001, "/home/ci");
        is("1000", 1000, 1001, "/home/ci");
        is("ci:docker", 1000, 999, "/home/ci");
        is("ci:5", 1000, 5, "/home/ci");
        assert!(find(tree.path(), "ci:wheel").unwrap_err().contains("group wheel"));
    }
}
