DROP TABLE sanitizer_audit;
