# embed_folder(OUT FOLDER): a C file with every file of a folder as bytes: slu_template_files[] of { name, bytes, count }, ended by NULL.
function(embed_folder OUT FOLDER)
    file(GLOB_RECURSE FILES CONFIGURE_DEPENDS RELATIVE ${FOLDER} ${FOLDER}/*)
    set(ARRAYS "")
    set(TABLE "")
    set(INDEX 0)
    foreach(FILE IN LISTS FILES)
        file(READ ${FOLDER}/${FILE} HEX HEX)
        string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," BYTES "${HEX}")
        string(APPEND ARRAYS "static const unsigned char file_${INDEX}[] = {${BYTES}0};\n")
        string(APPEND TABLE "    {\"${FILE}\", file_${INDEX}, sizeof file_${INDEX} - 1},\n")
        math(EXPR INDEX "${INDEX} + 1")
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FOLDER}/${FILE})
    endforeach()
    file(CONFIGURE OUTPUT ${OUT} CONTENT
        "/* Made by cmake from the plugin template. */\n#include \"template.h\"\n\n${ARRAYS}\nconst slu_template_file slu_template_files[] = {\n${TABLE}    {0, 0, 0},\n};\n"
        @ONLY)
endfunction()
