DROP TABLE password_entry;
