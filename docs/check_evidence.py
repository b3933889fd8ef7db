#!/usr/bin/env python3
"""check_evidence.py FILE.asics [ANCHOR.pem ...]: is it genuine? With python3 and openssl only."""
import base64, hashlib, json, subprocess, sys, tempfile, zipfile
from datetime import datetime

sha256, digests = lambda data: hashlib.sha256(data).digest(), lambda path: map(bytes.fromhex, path)

def check(holds, reason):
    if not holds: raise ValueError(reason)

def fold(node, path):  # RFC 4998 section 4.3: a parent is over its children, the smaller one first
    for it in digests(path): node = sha256(min(node, it) + max(node, it))
    return node

def log_root(entry, index, last, path):  # RFC 9162 section 2.1.3.2
    node = sha256(b"\0" + entry)
    for it in digests(path):
        if index & 1 or index == last:
            node = sha256(b"\1" + it + node)
            while index and not index & 1: index, last = index >> 1, last >> 1
        else: node = sha256(b"\1" + node + it)
        index, last = index >> 1, last >> 1
    return None if last else node

def stamped(root, token, kind, what):  # its certificate must have been valid when it was made
    with tempfile.NamedTemporaryFile() as file:
        file.write(token); file.flush()
        ts = lambda *more: subprocess.run(
            ["openssl", "ts", *more, "-in", file.name, *kind], capture_output=True, text=True)
        said = ts("-reply", "-text").stdout.partition("Time stamp: ")[2].partition("\n")[0]
        check(said, f"{what} is no time stamp")
        when = datetime.strptime(said.removesuffix("GMT") + "+0000", f"%b %d %H:%M:%S{'.%f' * ('.' in said)} %Y %z")
        at = ["-CAfile", anchors.name, "-attime", str(int(when.timestamp()))]
        told = ts("-verify", "-digest", root.hex(), *at)
        check(told.returncode == 0, f"{what} does not hold: {told.stderr.partition('routines:')[2].strip()}")
    return when

def main(file, *pems):
    archive = zipfile.ZipFile(file)
    check(len(set(archive.namelist())) == len(archive.namelist()), "an entry occurs twice")
    part = {name: archive.read(name) for name in archive.namelist()}
    item, proof = part["item.json"], json.loads(part["proof.json"])
    log, after = proof.get("log"), proof.get("after")
    own = [part["authority.pem"].decode(), after["certificates"] if after else ""]
    anchors.write("\n".join([open(pem).read() for pem in pems] or own).encode()); anchors.flush()
    root, since = fold(sha256(item), proof["path"]), None
    check(root.hex() == proof["root"], "item.json is not under the stamped root")
    if log:
        note = log["checkpoint"].encode()
        is_stamped = fold(sha256(note), log["checkpoint_path"]) == root
        check(is_stamped, "the checkpoint is not under the stamped root")
        name, size, top = note.split(b"\n")[:3]
        check(log["index"] < int(size), "the log has no such entry")
        found = log_root(sha256(item), log["index"], int(size) - 1, log["inclusion"])
        check(found == base64.b64decode(top), "item.json is not in the log")
        print(f"entry {log['index']} of {int(size)} in the log of {name.decode()}")
    for it in proof.get("also", []):
        token = base64.b64decode(it["token"])
        try: print("also stamped at", stamped(root, token, ["-token_in"], "a further token"))
        except ValueError as error: print("not counted:", error)
    if after:
        known = sha256(after["checkpoint"].encode())
        named = json.loads(item)["meta"]["after"]["sha256"]
        check(named == known.hex(), "item.json names another checkpoint")
        token = base64.b64decode(after["token"])
        since = stamped(fold(known, after["path"]), token, ["-token_in"], "the lower bound")
    until = stamped(root, part["root.tsr"], [], "root.tsr")
    check(not since or since <= until, "the lower bound is later than the time stamp")
    print(f"made {f'between {since} and' if since else 'before'} {until}")
    print("genuine" if pems else "consistent; whether it is genuine, an anchor of yours decides")

with tempfile.NamedTemporaryFile() as anchors:
    try: main(*sys.argv[1:])
    except ValueError as error: sys.exit(f"refused: {error}")
    except Exception as error: sys.exit(f"refused: {error!r}")
