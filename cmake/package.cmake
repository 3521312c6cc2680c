# `cmake --workflow --preset deb` makes a Debian package of what `cmake --install` puts in place.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME defused)
set(CPACK_PACKAGE_CONTACT "defused developers <defused@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "gate for releases of image classifiers")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Without an optimised BLAS every gate takes some 40 times as long, so this is not a recommendation.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libopenblas0-pthread")
# An upgrade asks before it replaces a configuration that somebody changed.
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/systemd/conffiles)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
include(CPack)
