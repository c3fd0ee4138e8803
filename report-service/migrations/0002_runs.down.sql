DROP TABLE quarantine;
DROP TABLE satellite;
DROP TABLE push_above;
DROP TABLE push_epoch;
DROP TABLE push;
DROP TABLE run;
