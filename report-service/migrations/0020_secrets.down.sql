DROP TABLE sealing_key;
DROP TABLE secret_change;
DROP TABLE secret;
