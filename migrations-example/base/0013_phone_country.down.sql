ALTER TABLE users DROP phone_country;
