DROP TABLE audit;
DROP TABLE throttle;
DROP TABLE session;
