# The cn=config of the test directory as LDIF on standard output; sourced by start-slapd.sh, which sets the names.

peer="dn.exact=gidNumber=$(id -g)+uidNumber=$(id -u),cn=peercred,cn=external,cn=auth"
service="dn.exact=\"uid=svc-spokegate,ou=Services,$SUFFIX\""
member_module=memberof
[ "$NESTED_MEMBEROF" = 1 ] && member_module=dynlist

cat <<L
dn: cn=config
objectClass: olcGlobal
cn: config
olcTLSCACertificateFile: $CA_DIR/ca.crt
olcTLSCertificateFile: $CA_DIR/slapd.crt
olcTLSCertificateKeyFile: $CA_DIR/slapd.key
olcTLSVerifyClient: never
olcLogLevel: stats
L
if [ "$UNAUTH_BIND" = 1 ]; then echo "olcAllows: bind_anon_cred bind_anon_dn"; fi
if [ "$REQUIRE_TLS" = 1 ]; then echo "olcSecurity: simple_bind=128"; fi
cat <<L

dn: cn=module,cn=config
objectClass: olcModuleList
cn: module
olcModulePath: $MODULE_DIR
olcModuleLoad: back_mdb
olcModuleLoad: $member_module
olcModuleLoad: refint
olcModuleLoad: ppolicy

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file://$SCHEMA_DIR/core.ldif
include: file://$SCHEMA_DIR/cosine.ldif
include: file://$SCHEMA_DIR/nis.ldif
include: file://$SCHEMA_DIR/inetorgperson.ldif
include: file://$SCHEMA_DIR/dyngroup.ldif

dn: olcDatabase={-1}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {-1}frontend
olcPasswordHash: {SSHA}
olcSizeLimit: 500
olcAccess: to dn.exact="" by * read
olcAccess: to dn.base="cn=Subschema" by * read

dn: olcDatabase={0}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {0}config
olcAccess: to * by $peer manage by * none

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcDbDirectory: $DIR/db
olcSuffix: $SUFFIX
olcRootDN: cn=admin,$SUFFIX
olcRootPW: $ADMIN_HASH
olcDbMaxSize: 268435456
olcDbNoSync: TRUE
olcDbIndex: objectClass eq
olcDbIndex: uid,cn,mail,member,memberUid,uniqueMember eq
olcLimits: ${service} size.soft=500 size.hard=500 size.prtotal=unlimited
olcAccess: to attrs=userPassword by $peer manage by self =xw by anonymous auth by * none
olcAccess: to * by $peer manage by $service read by self read by * none

L
if [ "$member_module" = dynlist ]; then
  cat <<L
dn: olcOverlay=dynlist,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcDynListConfig
olcOverlay: dynlist
olcDynListAttrSet: groupOfURLs memberURL member+memberOf@groupOfNames*

L
else
  cat <<L
dn: olcOverlay=memberof,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcMemberOf
olcOverlay: memberof
olcMemberOfRefInt: TRUE
olcMemberOfDangling: ignore

L
fi
cat <<L
dn: olcOverlay=refint,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcRefintConfig
olcOverlay: refint
olcRefintAttribute: member memberOf

dn: olcOverlay=ppolicy,olcDatabase={1}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: ppolicy
olcPPolicyDefault: cn=default,ou=Policies,$SUFFIX
olcPPolicyUseLockout: TRUE
L
