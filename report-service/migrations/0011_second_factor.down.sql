DROP TABLE break_glass;
DROP TABLE half_sign_in;
DROP TABLE recovery_code;
DROP TABLE second_factor;
