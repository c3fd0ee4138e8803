"""The people, groups and account states of the Samba AD test domain; run by start-samba-ad.sh."""
import glob
import os
import time

import ldb
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

DIR, BASE, DNS = os.environ["DIR"], os.environ["BASE"], os.environ["DNS_DOMAIN"]
USER_PW, SVC_PW, BULK = os.environ["USER_PW"], os.environ["SVC_PW"], int(os.environ["BULK"])
CROWD = int(os.environ["CROWD"])
NORMAL, DISABLED, NEVER_EXPIRES = 512, 2, 65536
GLOBAL_GROUP, DOMAIN_LOCAL_GROUP = "-2147483646", "-2147483644"
FIVE_MINUTES = "-3000000000"
DAY_S = 86400

lp = LoadParm()
lp.load(os.environ["CONF"])
db = SamDB(url=os.path.join(DIR, "private/sam.ldb"), session_info=system_session(lp), lp=lp,
           options=["transaction_index_cache_size:200000"])


def nt_time(unix_s):
    return str(int((unix_s + 11644473600) * 10_000_000))


def below_base(*rdns):
    """A DN under the domain from (attribute, value) pairs, escaped by the library."""
    name = ldb.Dn(db, BASE)
    for attribute, value in reversed(rdns):
        part = ldb.Dn(db, "CN=x")
        part.set_component(0, attribute, value)
        child = ldb.Dn(db, str(part))
        child.add_base(name)
        name = child
    return name


def modify(database, name, flag, values):
    message = ldb.Message()
    message.dn = ldb.Dn(database, str(name))
    for key, value in values.items():
        message[key] = ldb.MessageElement(value, flag, key)
    database.modify(message)


def replace(name, **values):
    modify(db, name, ldb.FLAG_MOD_REPLACE, values)


def organizational_unit(name):
    db.add({"dn": str(below_base(("OU", name))), "objectClass": "organizationalUnit"})


def user(account, name, unit="People", upn=None, password=USER_PW, control=NORMAL, **extra):
    place = below_base(("CN", name), ("OU", unit))
    entry = {
        "dn": str(place), "objectClass": "user", "sAMAccountName": account, "displayName": name,
        "userPrincipalName": upn or f"{account}@{DNS}", "mail": f"{account}@{DNS}",
        "unicodePwd": f'"{password}"'.encode("utf-16-le"), "userAccountControl": str(control),
    }
    db.add(entry | extra)
    return place


def group(name, *members, kind=GLOBAL_GROUP):
    place = below_base(("CN", name), ("OU", "Groups"))
    account = name.translate({ord(c): "_" for c in '",+/\\[]:;|=?<>*'})
    entry = {"dn": str(place), "objectClass": "group", "sAMAccountName": account, "groupType": kind}
    if members:
        entry["member"] = [str(m) for m in members]
    db.add(entry)
    return place


def people():
    user("svc-spokegate", "svc-spokegate", "Services", password=SVC_PW, control=NORMAL | NEVER_EXPIRES)
    return {
        "alice": user("alice", "Alice Forms"),
        "bob": user("bob", "Bob Helpdesk"),
        "carol": user("carol", "Carol Admin"),
        "dave": user("dave", "Dave Deep"),
        "erin": user("erin", "Erin Nothing"),
        # Signs in by a UPN whose name and suffix differ from the account name.
        "frank": user("frank", "Frank Upn", upn="frank.other@msp.example"),
        "zoe": user("zoe", "Zoë Ünïcode"),
        "mallory": user("mallory", "Mallory (Evil), *\\ Jr."),
        "prim": user("prim", "Prim Group"),
        "disabled1": user("disabled1", "Disabled One", control=NORMAL | DISABLED),
        "expired1": user("expired1", "Expired One", accountExpires=nt_time(time.time() - DAY_S)),
        "mustchange1": user("mustchange1", "Must Change", pwdLastSet="0"),
        "pwexpired1": user("pwexpired1", "Password Expired"),
        "locked1": user("locked1", "Locked One"),
        "nohours1": user("nohours1", "No Hours", logonHours=b"\0" * 21),
        "noplace1": user("noplace1", "No Place", userWorkstations="ELSEWHERE"),
    }


def groups(who):
    noc = group("noc", who["dave"])
    helpdesk = group("helpdesk", who["bob"], noc)
    admins = group("fabric-admins", who["carol"])
    states = [who[u] for u in ("disabled1", "expired1", "mustchange1", "pwexpired1", "locked1", "nohours1", "noplace1")]
    storm = [group("crowd", *crowd())] if CROWD else []
    forms = group("forms-users", who["alice"], helpdesk, admins, who["frank"], who["prim"], *states, *storm)
    group("Reports, EMEA (Süd) #1", who["mallory"], who["zoe"])
    loop_a = group("loop-a", who["zoe"])
    loop_b = group("loop-b", loop_a)
    modify(db, loop_a, ldb.FLAG_MOD_ADD, {"member": str(loop_b)})
    group("forms-local", forms, kind=DOMAIN_LOCAL_GROUP)
    make_primary(who["prim"], group("prim-forms", who["prim"]))


def make_primary(person, place):
    """From then on the group is no longer in the person's memberOf."""
    raw = db.search(base=place, scope=ldb.SCOPE_BASE, attrs=["objectSid"])[0]["objectSid"][0]
    sid = db.schema_format_value("objectSID", raw).decode()
    replace(person, primaryGroupID=sid.rsplit("-", 1)[1])


def everyone(alice):
    if not BULK:
        return
    organizational_unit("Bulk")
    members = []
    for number in range(1, BULK + 1):
        place = str(below_base(("CN", f"u{number:05}"), ("OU", "Bulk")))
        db.add({"dn": place, "objectClass": "contact"})
        members.append(place)
    group("everyone", *members, alice)


def crowd():
    """For storms of sign-ins."""
    return [user(f"c{number:05}", f"Crowd {number:05}") for number in range(1, CROWD + 1)]


def states_that_ldap_refuses(who):
    """pwdLastSet in the past and lockoutTime cannot be written over LDAP: straight into the partition's file."""
    first = "DC=" + DNS.split(".")[0].upper()
    files = glob.glob(os.path.join(DIR, "private/sam.ldb.d/*.ldb"))
    partition = next(f for f in files if os.path.basename(f).upper().startswith(first))
    raw = ldb.Ldb(partition, flags=ldb.FLG_DONT_CREATE_DB)
    raw.transaction_start()
    past, future = nt_time(time.time() - 400 * DAY_S), nt_time(time.time() + 3650 * DAY_S)
    modify(raw, who["pwexpired1"], ldb.FLAG_MOD_REPLACE, {"pwdLastSet": past})
    modify(raw, who["locked1"], ldb.FLAG_MOD_REPLACE, {"lockoutTime": future, "badPwdCount": "5"})
    raw.transaction_commit()


db.transaction_start()
replace(ldb.Dn(db, BASE), lockoutThreshold="5", lockoutDuration=FIVE_MINUTES,
        lockOutObservationWindow=FIVE_MINUTES, minPwdAge="0")
for unit in ("People", "Groups", "Services"):
    organizational_unit(unit)
who = people()
groups(who)
everyone(who["alice"])
db.transaction_commit()
states_that_ldap_refuses(who)
