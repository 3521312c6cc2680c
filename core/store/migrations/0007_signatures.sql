-- Who vouched for a version when it was identified (core/registry/signature.h). Of versions that were seen before, nobody
-- knows: they are looked at again as soon as the configuration asks for signatures.
ALTER TABLE versions ADD COLUMN signature TEXT NOT NULL DEFAULT 'unchecked'
  CHECK (signature IN ('unchecked', 'missing', 'invalid', 'untrusted', 'valid'));
ALTER TABLE versions ADD COLUMN signature_key TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN signature_key_name TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN signature_problem TEXT NOT NULL DEFAULT '';
ALTER TABLE versions ADD COLUMN signature_keys TEXT NOT NULL DEFAULT '';
