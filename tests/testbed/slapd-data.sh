# The people, groups and account states of the OpenLDAP test directory; sourced by start-slapd.sh.

person() { # UID CN SN [EXTRA LINE]: names go in as base64, since some are not ASCII
  cat <<L
dn: uid=$1,ou=People,$SUFFIX
objectClass: inetOrgPerson
uid: $1
userPassword: $USER_PW
mail: $1@msp.test
cn:: $(printf %s "$2" | base64 -w0)
sn:: $(printf %s "$3" | base64 -w0)
L
  if [ -n "${4:-}" ]; then echo "$4"; fi
  echo
}

group() { # RDN [MEMBER DN BELOW THE SUFFIX]...
  printf 'dn: %s,ou=Groups,%s\nobjectClass: groupOfNames\n' "$1" "$SUFFIX"
  shift
  for member in "$@"; do printf 'member: %s,%s\n' "$member" "$SUFFIX"; done
  echo
}

tree() {
  local dc
  dc=$(printf %s "$SUFFIX" | sed 's/^dc=\([^,]*\),.*/\1/')
  printf 'dn: %s\nobjectClass: dcObject\nobjectClass: organization\no: MSP test\ndc: %s\n\n' "$SUFFIX" "$dc"
  for ou in People Groups Services Policies; do
    printf 'dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n' $ou "$SUFFIX" $ou
  done
  cat <<L
dn: cn=default,ou=Policies,$SUFFIX
objectClass: device
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 5
pwdLockoutDuration: 300
pwdFailureCountInterval: 300
pwdMustChange: TRUE

dn: cn=short,ou=Policies,$SUFFIX
objectClass: device
objectClass: pwdPolicy
cn: short
pwdAttribute: userPassword
pwdMaxAge: 86400
pwdGraceAuthNLimit: 0

dn: uid=svc-spokegate,ou=Services,$SUFFIX
objectClass: account
objectClass: simpleSecurityObject
uid: svc-spokegate
userPassword: $SVC_PW

L
}

people() {
  person alice 'Alice Forms' Forms          # directly in forms-users
  person bob 'Bob Helpdesk' Helpdesk        # helpdesk -> forms-users
  person carol 'Carol Admin' Admin          # fabric-admins, and forms-users through it
  person dave 'Dave Deep' Deep              # noc -> helpdesk -> forms-users
  person erin 'Erin Nothing' Nothing        # no group that counts
  person zoe 'Zoë Ünïcode' 'Ünïcode'
  person locked1 'Locked One' One
  person pwexpired1 'Expired One' One "pwdPolicySubentry: cn=short,ou=Policies,$SUFFIX"
  person mustchange1 'Must Change' Change
  person ended1 'Ended One' One
  person notyet1 'Not Yet' Yet
  # An RDN that needs escaping in a DN and, differently, in a filter.
  cat <<L
dn: cn=Mallory \\28Evil\\29\\2C \\2A\\5C Jr.,ou=People,$SUFFIX
objectClass: inetOrgPerson
cn: Mallory (Evil), *\\ Jr.
sn: Evil
uid: mallory
userPassword: $USER_PW

L
}

groups() {
  local mallory='cn=Mallory \28Evil\29\2C \2A\5C Jr.,ou=People'
  group cn=noc uid=dave,ou=People
  group cn=helpdesk uid=bob,ou=People cn=noc,ou=Groups
  group cn=fabric-admins uid=carol,ou=People
  group cn=forms-users uid=alice,ou=People cn=helpdesk,ou=Groups cn=fabric-admins,ou=Groups \
    uid=locked1,ou=People uid=pwexpired1,ou=People uid=mustchange1,ou=People uid=ended1,ou=People uid=notyet1,ou=People
  group 'cn=Reports\2C EMEA \28Süd\29 #1' "$mallory" uid=zoe,ou=People
  group cn=loop-a uid=zoe,ou=People cn=loop-b,ou=Groups
  group cn=loop-b cn=loop-a,ou=Groups
  cat <<L
dn: cn=posix-forms,ou=Groups,$SUFFIX
objectClass: posixGroup
gidNumber: 5001
memberUid: alice
memberUid: erin

dn: cn=unique-forms,ou=Groups,$SUFFIX
objectClass: groupOfUniqueNames
uniqueMember: uid=erin,ou=People,$SUFFIX

L
}

# A referral to a server that is not there: a client must neither follow it nor hang on it.
dangling_referral() {
  cat <<L
dn: cn=elsewhere,ou=People,$SUFFIX
objectClass: referral
objectClass: extensibleObject
cn: elsewhere
ref: ldap://127.0.0.1:9/ou=People,dc=elsewhere,dc=test

L
}

everyone() {
  [ "$BULK" -gt 0 ] || return 0
  seq -f %05g "$BULK" | while read -r n; do
    printf 'dn: uid=u%s,ou=People,%s\nobjectClass: account\nuid: u%s\n\n' "$n" "$SUFFIX" "$n"
  done
  printf 'dn: cn=everyone,ou=Groups,%s\nobjectClass: groupOfNames\n' "$SUFFIX"
  seq -f "member: uid=u%05g,ou=People,$SUFFIX" "$BULK"
  printf 'member: uid=alice,ou=People,%s\n\n' "$SUFFIX"
}

# People for storms of sign-ins: c00001 and on, in the forms' group by way of a group of their own.
crowd() {
  [ "$CROWD" -gt 0 ] || return 0
  seq -f %05g "$CROWD" | while read -r n; do
    printf 'dn: uid=c%s,ou=People,%s\nobjectClass: inetOrgPerson\nuid: c%s\ncn: Crowd %s\nsn: Crowd\nuserPassword: %s\n\n' \
      "$n" "$SUFFIX" "$n" "$n" "$USER_PW"
  done
  printf 'dn: cn=crowd,ou=Groups,%s\nobjectClass: groupOfNames\n' "$SUFFIX"
  seq -f "member: uid=c%05g,ou=People,$SUFFIX" "$CROWD"
  printf '\ndn: cn=forms-users,ou=Groups,%s\nchangetype: modify\nadd: member\nmember: cn=crowd,ou=Groups,%s\n\n' "$SUFFIX" "$SUFFIX"
}

people_and_groups() { tree; people; groups; dangling_referral; everyone; crowd; }

# Operational attributes: they need the relax control.
account_states() {
  cat <<L
dn: uid=locked1,ou=People,$SUFFIX
changetype: modify
add: pwdAccountLockedTime
pwdAccountLockedTime: 000001010000Z

dn: uid=pwexpired1,ou=People,$SUFFIX
changetype: modify
replace: pwdChangedTime
pwdChangedTime: 20200101000000Z

dn: uid=mustchange1,ou=People,$SUFFIX
changetype: modify
add: pwdReset
pwdReset: TRUE

dn: uid=ended1,ou=People,$SUFFIX
changetype: modify
add: pwdEndTime
pwdEndTime: 20200101000000Z

dn: uid=notyet1,ou=People,$SUFFIX
changetype: modify
add: pwdStartTime
pwdStartTime: 20900101000000Z
L
}
