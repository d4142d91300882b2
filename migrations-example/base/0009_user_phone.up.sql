-- As the shop's form sends it: whatever was typed.
ALTER TABLE users ADD phone text;
