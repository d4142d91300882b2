ALTER TABLE users DROP country;
