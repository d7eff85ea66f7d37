package org.vignette.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Conventions of the app's sources. */
class ResourcesTest {
    private static final Path APP = Path.of(System.getProperty("vignette.app"));

    private static List<Path> files(String folder, String ending) throws Exception {
        try (Stream<Path> paths = java.nio.file.Files.walk(APP.resolve(folder))) {
            return paths.filter(path -> path.toString().endsWith(ending)).sorted().collect(Collectors.toList());
        }
    }

    /** Name of each string and plural to its placeholders. */
    private static Map<String, TreeSet<String>> placeholders(String folder) throws Exception {
        Map<String, TreeSet<String>> found = new TreeMap<>();
        Element root = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                .parse(APP.resolve("res/" + folder + "/strings.xml").toFile()).getDocumentElement();
        for (String tag : List.of("string", "plurals")) {
            NodeList nodes = root.getElementsByTagName(tag);
            for (int i = 0; i < nodes.getLength(); i++) {
                Element node = (Element) nodes.item(i);
                Matcher matcher = Pattern.compile("%\\d\\$,?(\\.\\d)?[a-z]").matcher(node.getTextContent());
                TreeSet<String> all = new TreeSet<>();
                while (matcher.find()) {
                    all.add(matcher.group());
                }
                found.put(node.getAttribute("name"), all);
            }
        }
        return found;
    }

    @Test
    void frenchHasEveryTextWithTheSamePlaceholders() throws Exception {
        assertEquals(placeholders("values"), placeholders("values-fr"));
    }

    @Test
    void layoutsHoldNoText() throws Exception {
        for (Path file : files("res", ".xml")) {
            Matcher matcher = Pattern.compile("android:(text|title|label|hint|contentDescription)=\"[^@]")
                    .matcher(java.nio.file.Files.readString(file));
            assertFalse(matcher.find(), file.toString());
        }
    }

    @Test
    void noFileIsAbove250Lines() throws Exception {
        List<Path> files = files("java", ".java");
        assertTrue(files.size() > 10);
        for (Path file : files) {
            int lines = java.nio.file.Files.readAllLines(file).size();
            assertTrue(lines <= 250, file + ": " + lines);
        }
    }

    @Test
    void theOnlyPermissionIsTheCamera() throws Exception {
        String manifest = java.nio.file.Files.readString(APP.resolve("AndroidManifest.xml"));
        Matcher matcher = Pattern.compile("<uses-permission[^>]*name=\"([^\"]*)\"").matcher(manifest);
        assertTrue(matcher.find());
        assertEquals("android.permission.CAMERA", matcher.group(1));
        assertFalse(matcher.find());
        assertFalse(manifest.contains("package="), "Gradle's namespace has it");
    }

    @Test
    void otherAppsReachNothingButTheCamerasScreen() throws Exception {
        Element root = DocumentBuilderFactory.newInstance().newDocumentBuilder()
                .parse(APP.resolve("AndroidManifest.xml").toFile()).getDocumentElement();
        assertEquals(0, root.getElementsByTagName("queries").getLength());
        TreeSet<String> open = new TreeSet<>();
        for (String tag : List.of("activity", "provider", "service", "receiver")) {
            NodeList nodes = root.getElementsByTagName(tag);
            for (int i = 0; i < nodes.getLength(); i++) {
                Element node = (Element) nodes.item(i);
                String exported = node.getAttribute("android:exported");
                assertTrue(exported.equals("true") || exported.equals("false"), "every component says it");
                if (exported.equals("true")) {
                    open.add(node.getAttribute("android:name") + " " + node.getAttribute("android:permission"));
                }
            }
        }
        assertEquals(new TreeSet<>(List.of(".MainActivity ", ".benchmark.BenchmarkActivity android.permission.DUMP",
                ".benchmark.BenchmarkProvider android.permission.DUMP")), open);
    }
}
