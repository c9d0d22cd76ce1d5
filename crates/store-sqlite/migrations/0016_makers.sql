-- Who made an account or a credential, and to whom besides its user it is known: numbers of accounts, parted by spaces.
-- NULL: whoever held the directory made it, or it was made before this was kept.
ALTER TABLE account ADD COLUMN made_by INTEGER;
ALTER TABLE account ADD COLUMN password_by INTEGER;
ALTER TABLE account ADD COLUMN password_at INTEGER;
ALTER TABLE account ADD COLUMN password_known TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN made_by INTEGER;
ALTER TABLE token ADD COLUMN known_to TEXT NOT NULL DEFAULT '';

-- With which credential it was asked and answered: its kind, a space, and to whom besides its user it is known.
ALTER TABLE approval ADD COLUMN asked_with TEXT;
ALTER TABLE approval ADD COLUMN decided_with TEXT;

-- How often the glass was broken of late.
CREATE INDEX approval_glass ON approval (decided) WHERE verdict = 'broken-glass';
