-- Written on a branch and merged after 0005: luamig applies it all the same.
ALTER TABLE users ADD country char(2) NOT NULL DEFAULT 'DE' CHECK (country = upper(country));
