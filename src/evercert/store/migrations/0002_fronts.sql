-- Who stays asks for these every few seconds; they are few or none among many.
CREATE INDEX certificates_with_a_front ON certificates (name) WHERE intent LIKE '%"solver":"front"%';
