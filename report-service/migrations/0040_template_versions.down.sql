DROP TABLE template_activation;
DROP TABLE template_version;
