ALTER TABLE users DROP phone_e164;
